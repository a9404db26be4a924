"""Recipes per tool: what common programs need of a token, as templates of our own beside Cloudflare's.

What a tool needs comes from what it does at the API (facts/operations): one that changes records of a zone that it is
told the id of needs DNS alone, one that looks its zone up by name also needs Zone: Read (CLOUDFLARE.md, section 7).
"""

from typing import Final

from tokenportal.policy import templates
from tokenportal.policy.templates import Template

_DNS_BY_NAME: Final = (("DNS Write", "zone"), ("Zone Read", "zone"))

RECIPES: Final[tuple[Template, ...]] = (
    Template(
        "tool-acme-client", "Certificate client", "certbot, lego, cert-manager or Traefik proves a domain by a DNS record.",
        _DNS_BY_NAME,
        ("Give it only the zones it renews: whoever holds it can point them anywhere.",),
    ),
    Template(
        "tool-dynamic-dns", "Dynamic DNS", "ddclient or a router keeps one record at the address of a connection.",
        _DNS_BY_NAME,
        ("One zone is enough. If the address changes often, an IP restriction would lock the updater out.",),
    ),
    Template(
        "tool-external-dns", "ExternalDNS", "A cluster keeps the records of its services up to date.",
        _DNS_BY_NAME,
        ("It reads every zone that it may see: choose those of the cluster.",),
    ),
    Template(
        "tool-deploy-purge", "Purge the cache after a deploy", "A deploy job empties the cache of the site that it published.",
        (("Cache Purge", "zone"),),
        ("It can do nothing but purge. The zone’s id must be told to the job: looking it up would need Zone: Read.",),
    ),
    Template(
        "tool-metrics", "Metrics exporter", "Prometheus or another collector pulls traffic figures.",
        (("Analytics Read", "zone"), ("Zone Read", "zone"), ("Account Analytics Read", "account")),
    ),
    Template(
        "tool-tunnel", "Tunnel with its DNS names", "A pipeline sets up tunnels and points names at them.",
        (("Cloudflare Tunnel Write", "account"), *_DNS_BY_NAME),
    ),
)  # fmt: skip


def get(slug: str) -> Template | None:
    """A recipe or one of Cloudflare's templates."""
    return next((recipe for recipe in RECIPES if recipe.slug == slug), None) or templates.get(slug)
