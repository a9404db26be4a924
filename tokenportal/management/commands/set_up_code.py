from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tokenportal.actions import setting_up
from tokenportal.rules import NotAllowed


class Command(BaseCommand):
    help = "Print a new one-time code with which the first admin is made. An earlier code stops working."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            code = setting_up.new_set_up_code()
        except NotAllowed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Open {settings.PUBLIC_ORIGIN}/set-up/ and enter this code:")
        self.stdout.write(code.reveal())
