"""The same body for machines: JSON, curl and Terraform, one of them shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from tokenportal.policy import formats, template_urls
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Owner

PARTIAL = "machines"


@dataclass(frozen=True)
class Format:
    """`slug` stands in the address (`?as=curl`), `note` above the text, which is written when it is asked for."""

    slug: str
    name: str
    note: str
    write: Callable[[], str]

    @property
    def text(self) -> str:
        return self.write()


def machines(
    request: HttpRequest, body: Mapping[str, Any], owner: Owner, catalogue: Catalogue, *, changing: bool = False,
    spec: TokenSpec | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What parts/machines.html shows: every format, and the one that the query string asks for.

    The commands create a token, so there is none for ``changing`` one. A ``spec`` has an address of Cloudflare's form as well.
    """

    def terraform() -> str:
        ids = {group["id"] for policy in body["policies"] for group in policy["permission_groups"]}
        names = {id: group.name for id in ids if (group := catalogue.known(id))}
        return formats.as_terraform(body, owner, label=body["name"], names=names)

    found: tuple[Format, ...] = (
        Format("json", "JSON", "What Cloudflare will receive", lambda: formats.as_json(body)),
        Format(
            "curl", "curl", "Run by hand, it makes one more token, which this portal does not know",
            lambda: formats.as_curl(body, owner, base_url=settings.PUBLIC_API_BASE_URL),
        ),
        Format(
            "terraform", "Terraform",
            f"For provider version {formats.PROVIDER_VERSION} or newer, which keeps the secret in its state", terraform,
        ),
    )  # fmt: skip
    if spec is not None:
        found = (
            *found,
            Format("address", "Address", "Prefills Cloudflare’s form, or a draft here", partial(address, spec, owner, catalogue)),
        )
    found = found[:1] if changing else found
    chosen = next((one for one in found if one.slug == request.GET.get("as")), found[0])
    return {"formats": found, "format": chosen}


def address(spec: TokenSpec, owner: Owner, catalogue: Catalogue) -> str:
    """The address that prefills Cloudflare's own form, the same for this portal, and what neither can say."""
    made = template_urls.address_of(spec, catalogue, owner.kind)
    lines = [made.at(template_urls.DASHBOARD), "", made.at(settings.PUBLIC_ORIGIN), "", "What it cannot hold:"]
    return "\n".join([*lines, *(f"- {sentence}" for sentence in made.unsaid)])
