import logging
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from tokenportal.actions import (
    caring,
    checkpointing,
    connections,
    mailing,
    recounting,
    reminding,
    reviewing,
    settling_changes,
    syncing,
    together,
    verifying,
    versions,
    watching,
)
from tokenportal.models.guard import Origin, coming_from

log = logging.getLogger("tokenportal.work")


last_told: dict[str, str] = {}


def attempt(what: str, step: Callable[[], str]) -> None:
    """One step of a round. Whatever goes wrong in it must not end the runner, for nobody may be there to start it again.

    What it tells is logged when it differs from what it told before: an alarm may stand for days.
    """
    try:
        told = step()
    except Exception as error:
        told = f"could not be done now: {type(error).__name__}: {error}"
    if told and told != last_told.get(what):
        log.info("%s: %s", what, told)
    last_told[what] = told


read_at: dict[UUID, datetime] = {}
"""When each connection was last read for what is watched. A runner that starts reads them all: a crash may have been the reason."""


def settle() -> str:
    for what, step in settling_changes.steps():
        attempt(what, step)
    for one in watching.rounds(read_at):
        for what, step in watching.steps(one):
            attempt(what, step)
    return ""


def ask_again() -> str:
    return " ".join(f"{connection}: Cloudflare does not answer." for connection in connections.ask_again())


def care() -> str:
    return " ".join(result.sentence for result in caring.settle_doing())


def put_down() -> str:
    made = versions.put_down_rested()
    return f"{made} made" if made else ""


def sync() -> str:
    return " ".join(f"{result.connection}: {result.sentence}" for result in syncing.sync_all() if not result.worked)


def remind() -> str:
    given = reminding.remind_all()
    return f"{given} given" if given else ""


def verify() -> str:
    done = verifying.run_next()
    return done.sentence if done and done.result != done.Result.CLEAN else ""


def count_anew() -> str:
    met = recounting.approve_due()
    return f"{met} request{'' if met == 1 else 's'} approved" if met else ""


def expire() -> str:
    ended = reviewing.expire_due()
    return f"{ended} request{'' if ended == 1 else 's'} expired" if ended else ""


def send_mail() -> str:
    sent = mailing.send_due()
    return f"{sent} letter{'' if sent == 1 else 's'} sent" if sent else ""


def forget() -> str:
    together.forget()
    return ""


class Command(BaseCommand):
    help = (
        "The one periodic runner: settles what is uncertain, watches what was settled, reads the tokens anew, reminds of those "
        "that end, counts approvals anew, lets requests expire that waited too long, makes versions of drafts that rest, signs "
        "checkpoints of the audit log and verifies it. Runs until it is stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do one round and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        sync_next = 0.0
        with coming_from(Origin("work")):
            while True:
                close_old_connections()
                attempt("asking again", ask_again)
                attempt("settling", settle)
                attempt("asking about what was not answered", care)
                attempt("making versions of drafts that rest", put_down)
                if time.monotonic() >= sync_next:
                    sync_next = time.monotonic() + settings.SYNC_INTERVAL_SECONDS
                    attempt("syncing", sync)
                attempt("counting approvals anew", count_anew)
                attempt("letting requests expire", expire)
                attempt("reminding", remind)
                attempt("mailing", send_mail)
                attempt("signing checkpoints", checkpointing.keep_up)
                attempt("verifying the audit log", verify)
                attempt("forgetting what drafts once held", forget)
                if options["once"]:
                    return
                time.sleep(settings.WORK_INTERVAL_SECONDS)
