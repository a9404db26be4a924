"""What somebody wants of a token: the spec, as a person fills it in.

A spec keeps what was typed, wrong or not: saving is lax, `problems` says what is wrong, `compile` takes what is right.
Choices that do not apply to the chosen permissions stay in it, set aside.
"""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, Self, get_args

from tokenportal.policy import moments

ZoneMode = Literal["these", "accounts", "all"]
AccountMode = Literal["these", "all"]
Lifetime = Literal["days", "until", "never"]

DEFAULT_DAYS: Final = 90


def _text(value: Any, default: str = "") -> str:
    return value if isinstance(value, str) else default


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    """Which zones: these; all of these accounts; or all. The wide ones take exceptions. Ids are 32 hex digits.

    `unknown` and `unknown_except` keep typed names that no zone has, so that they can be mended.
    """

    mode: ZoneMode = "these"
    zones: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    except_zones: tuple[str, ...] = ()
    except_accounts: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unknown_except: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Any) -> Self:
        data = _object(value)
        return cls(
            mode=next((mode for mode in get_args(ZoneMode) if mode == data.get("mode")), "these"),
            zones=_texts(data.get("zones")),
            accounts=_texts(data.get("accounts")),
            except_zones=_texts(data.get("except_zones")),
            except_accounts=_texts(data.get("except_accounts")),
            unknown=_texts(data.get("unknown")),
            unknown_except=_texts(data.get("unknown_except")),
        )


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """Which accounts: these, or all, with exceptions. For an account-owned token, all is its own account."""

    mode: AccountMode = "these"
    accounts: tuple[str, ...] = ()
    except_accounts: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Any) -> Self:
        data = _object(value)
        return cls(
            mode=next((mode for mode in get_args(AccountMode) if mode == data.get("mode")), "these"),
            accounts=_texts(data.get("accounts")),
            except_accounts=_texts(data.get("except_accounts")),
        )


@dataclass(frozen=True, slots=True)
class AccessBlock:
    """Permissions (group ids) and the resources that they are for. A bucket is "<account id>/<jurisdiction>/<name>".

    `key` tells the blocks of one draft apart while several people change it. It says nothing of what is wanted, so blocks
    that differ in nothing else are equal.
    """

    key: str = field(default="", compare=False, kw_only=True)
    label: str = ""
    permissions: tuple[str, ...] = ()
    zones: ZoneChoice = field(default_factory=ZoneChoice)
    accounts: AccountChoice = field(default_factory=AccountChoice)
    buckets: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Any) -> Self:
        data = _object(value)
        return cls(
            key=_text(data.get("key")),
            label=_text(data.get("label")),
            permissions=_texts(data.get("permissions")),
            zones=ZoneChoice.from_json(data.get("zones")),
            accounts=AccountChoice.from_json(data.get("accounts")),
            buckets=_texts(data.get("buckets")),
        )


@dataclass(frozen=True, slots=True)
class ClientIPs:
    """Where the token works from: `allow` is Cloudflare's "is in", `block` "is not in"; rows as typed, blank ones ignored."""

    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Any) -> Self:
        data = _object(value)
        return cls(allow=_texts(data.get("allow")), block=_texts(data.get("block")))


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when. `starts` and `until` as typed: a day (from its first, to its last second) or a moment in UTC."""

    starts: str = ""
    lifetime: Lifetime = "days"
    days: int = DEFAULT_DAYS
    until: str = ""

    @classmethod
    def from_json(cls, value: Any) -> Self:
        data = _object(value)
        days = data.get("days")
        return cls(
            starts=_text(data.get("starts")),
            lifetime=next((lifetime for lifetime in get_args(Lifetime) if lifetime == data.get("lifetime")), "days"),
            days=days if isinstance(days, int) and not isinstance(days, bool) else DEFAULT_DAYS,
            until=_text(data.get("until")),
        )


@dataclass(frozen=True, slots=True)
class TokenSpec:
    """Everything that somebody wants of a token."""

    name: str = ""
    purpose: str = ""
    blocks: tuple[AccessBlock, ...] = ()
    client_ips: ClientIPs = field(default_factory=ClientIPs)
    validity: Validity = field(default_factory=Validity)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers, from which `from_json` makes an equal spec."""
        return _listed(asdict(self))

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """A spec from any JSON value whatsoever: what is unknown is ignored, what is malformed becomes the default."""
        data = _object(value)
        blocks = data.get("blocks")
        return cls(
            name=_text(data.get("name")),
            purpose=_text(data.get("purpose")),
            blocks=tuple(map(AccessBlock.from_json, blocks)) if isinstance(blocks, list | tuple) else (),
            client_ips=ClientIPs.from_json(data.get("client_ips")),
            validity=Validity.from_json(data.get("validity")),
        )


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def keyed(spec: TokenSpec, like: TokenSpec | None = None) -> TokenSpec:
    """The spec with a key of its own for every block.

    A block without one takes that of the block in its place in `like`, from which the spec was made, or else is called by its
    place.
    """
    taken = {block.key for block in spec.blocks}
    earlier = like.blocks if like else ()
    blocks: list[AccessBlock] = []
    for place, block in enumerate(spec.blocks):
        key = block.key or (earlier[place].key if place < len(earlier) and earlier[place].key not in taken else str(place + 1))
        while key in {done.key for done in blocks} or (not block.key and key in taken):
            key += "x"
        blocks.append(replace(block, key=key))
    return replace(spec, blocks=tuple(blocks))


def places(spec: TokenSpec) -> dict[str, str]:
    """The section of each access block by its key, as what is said about it is kept, and by its place, as pages call it now."""
    blocks = keyed(replace(spec, blocks=spec.blocks or (AccessBlock(),))).blocks
    return {f"access-{block.key}": f"access-{place}" for place, block in enumerate(blocks, 1)}


def is_frozen(spec: TokenSpec) -> bool:
    """Whether its end, if any, is a moment and no longer counted from today."""
    return spec.validity.lifetime != "days"


def freeze(spec: TokenSpec, now: datetime) -> TokenSpec:
    """The spec with "90 days" made a moment: 23:59:59 UTC of that day. Others are given back as they are."""
    if is_frozen(spec):
        return spec
    until = moments.as_cloudflare(moments.end_of_lifetime(now, spec.validity.days))
    return replace(spec, validity=replace(spec.validity, lifetime="until", until=until))


def thaw(spec: TokenSpec, frozen_at: datetime) -> TokenSpec:
    """The spec that `freeze` made this one of at that moment, where its end says so; else the spec as it is.

    An end date that was set aside meanwhile does not come back: freezing writes over it.
    """
    validity = spec.validity
    if validity.lifetime != "until" or freeze(_counted(spec), frozen_at).validity.until != validity.until:
        return spec
    return _counted(spec)


def _counted(spec: TokenSpec) -> TokenSpec:
    return replace(spec, validity=replace(spec.validity, lifetime="days", until=""))
