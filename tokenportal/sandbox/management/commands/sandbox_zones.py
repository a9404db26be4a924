from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokenportal.sandbox import seeding
from tokenportal.sandbox.models import Account, Zone


class Command(BaseCommand):
    help = "Add N zones to one of the sandbox's accounts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int)
        parser.add_argument("--account", default="Acme production", help="the account's name (default: Acme production)")

    def handle(self, *args: Any, **options: Any) -> None:
        account = Account.objects.filter(name=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account {options['account']!r}; run sandbox_seed first.")
        if options["number"] < 1:
            raise CommandError("The number of zones must be above zero.")
        first = Zone.objects.count() + 1
        names = [f"zone-{number:06d}.test" for number in range(first, first + options["number"])]
        seeding.add_zones(account.pk, names)
        self.stdout.write(f"Added {len(names)} zones to {account.name}.")
