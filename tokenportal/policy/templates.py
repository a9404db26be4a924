"""The eleven templates of Cloudflare's dashboard (CLOUDFLARE.md, section 6), under its names, with our own notes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.spec import AccessBlock, AccountChoice, TokenSpec, ZoneChoice
from tokenportal.policy.surroundings import OwnerKind


@dataclass(frozen=True, slots=True)
class Template:
    """`wants` lists (API name, scope); an empty one with `everything_readable` means every Read group but buckets."""

    slug: str
    name: str
    purpose: str
    wants: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    all_accounts: bool = False
    all_zones: bool = False
    everything_readable: bool = False

    def groups(self, catalogue: Catalogue) -> tuple[PermissionGroup, ...]:
        """The offered groups that it asks for, in its own order."""
        if self.everything_readable:
            return tuple(group for group in catalogue if group.level == "read" and group.scope not in ("bucket", "other"))
        found = (catalogue.named(name, scope) for name, scope in self.wants)
        return tuple(group for group in found if group)

    @property
    def resources(self) -> str:
        """Where it applies to begin with, for its card."""
        if self.all_zones:
            return "All accounts, all zones"
        if self.all_accounts:
            return "All accounts"
        scopes = {scope for _, scope in self.wants}
        return "The user" if scopes == {"user"} else "A zone of your choice" if scopes == {"zone"} else "To be chosen"


USER_ROWS_NOTE: Final = "The two user permissions fall away for an account-owned token."

TEMPLATES: Final[tuple[Template, ...]] = (
    Template(
        "edit-zone-dns", "Edit zone DNS", "Change the DNS records of a zone that you choose.", (("DNS Write", "zone"),),
        ("Tools that look a zone up by its name also need Zone: Read. Add it in the builder if yours does.",),
    ),
    Template(
        "read-billing-info", "Read billing info", "See invoices and the billing profile.", (("Billing Read", "account"),),
        all_accounts=True,
    ),
    Template(
        "read-analytics-and-logs", "Read analytics and logs", "Pull traffic figures and request logs of a zone.",
        (("Analytics Read", "zone"), ("Logs Read", "zone")),
    ),
    Template(
        "edit-cloudflare-workers", "Edit Cloudflare Workers", "Deploy Workers with their storage and routes.",
        (
            ("Workers Routes Write", "zone"), ("Workers Scripts Write", "account"), ("Workers KV Storage Write", "account"),
            ("Workers Tail Read", "account"), ("Workers R2 Storage Write", "account"), ("Account Settings Read", "account"),
            ("User Details Read", "user"), ("Memberships Read", "user"),
        ),
        (USER_ROWS_NOTE,),
    ),
    Template(
        "edit-load-balancing-configuration", "Edit load balancing configuration",
        "Change load balancers with their pools and monitors.",
        (("Load Balancing: Monitors and Pools Write", "account"), ("Load Balancers Write", "zone")),
    ),
    Template(
        "wordpress", "WordPress", "What the WordPress plugin works with.",
        (
            ("Analytics Read", "zone"), ("Zone Read", "zone"), ("Zone Settings Write", "zone"), ("DNS Read", "zone"),
            ("Cache Purge", "zone"), ("Account Settings Read", "account"),
        ),
        ("It begins with every zone. One site needs one zone: choose it in the builder.",),
        all_accounts=True, all_zones=True,
    ),
    Template(
        "create-additional-tokens", "Create additional tokens", "Make further tokens by API, as the user of the connection.",
        (("API Tokens Write", "user"),),
        ("Whoever holds it can make tokens with all rights of that user, so by default two people approve it, one of them an admin.",
         "An account-owned token cannot hold this permission: it needs a user connection."),
    ),
    Template(
        "read-all-resources", "Read all resources", "Look at everything, change nothing.",
        notes=("R2 bucket contents are left out: that permission is given bucket by bucket.",
               "User permissions fall away for an account-owned token."),
        all_accounts=True, all_zones=True, everything_readable=True,
    ),
    Template(
        "read-and-write-to-cloudflare-stream-and-images", "Read and write to Cloudflare Stream and Images",
        "Upload and manage videos and pictures.",
        (("Stream Write", "account"), ("Images Write", "account"), ("Account Analytics Read", "account")),
    ),
    Template(
        "read-cloudflare-radar-data", "Read Cloudflare Radar data", "Query internet measurements.", (("Radar Read", "account"),),
    ),
    Template(
        "workers-ai", "Workers AI", "Run models on Workers AI.",
        (("Workers AI Read", "account"), ("Workers AI Write", "account")),
    ),
)  # fmt: skip


def get(slug: str) -> Template | None:
    return next((template for template in TEMPLATES if template.slug == slug), None)


def for_owner(template: Template, catalogue: Catalogue, kind: OwnerKind) -> tuple[TokenSpec, tuple[PermissionGroup, ...]]:
    """The spec that the template begins with, and the groups that fall away: a token of this kind
    cannot hold them, or the connection does not offer them.
    """
    wanted = template.groups(catalogue)
    not_offered = [group for group in template.groups(Catalogue.from_facts()) if group.id not in catalogue and template.wants]
    fallen = (*(group for group in wanted if kind == "account" and group.scope == "user"), *not_offered)
    block = AccessBlock(
        permissions=tuple(_ids(group for group in wanted if group not in fallen)),
        zones=ZoneChoice(mode="all" if template.all_zones else "these"),
        accounts=AccountChoice(mode="all" if template.all_accounts else "these"),
    )
    return TokenSpec(name=template.name, blocks=(block,)), fallen


def _ids(groups: Iterable[PermissionGroup]) -> list[str]:
    return [group.id for group in groups]
