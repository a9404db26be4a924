from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenportal.sandbox import outside
from tokenportal.sandbox.models import Token


class Command(BaseCommand):
    help = "Do something to a token behind everybody's back, as somebody in the dashboard could."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("deed", choices=outside.CHANGES)
        parser.add_argument("name", help="how the token's name begins")

    def handle(self, *args: Any, **options: Any) -> None:
        token = Token.objects.filter(name__startswith=options["name"]).first()
        if token is None:
            raise CommandError(f"No token's name begins with {options['name']!r}.")
        outside.CHANGES[options["deed"]](token)
