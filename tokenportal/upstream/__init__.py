"""From a connection's row to a client that can call: opened credential, transport, deadline."""

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from tokenportal import cloudflare, crypto, keys
from tokenportal.models import Connection
from tokenportal.policy.surroundings import Owner
from tokenportal.secret import Secret

TABLE, COLUMN = "connection", "sealed_credential"


def sealing_keys() -> keys.Keyring:
    """Raises keys.KeyMissing where the file is not there."""
    load = keys.load_or_make if settings.KEYS_ARE_MADE_ON_DEMAND else keys.load
    return load(Path(settings.KEYS_DIR), "sealing")


def seal(connection: Connection, credential: Secret) -> str:
    return crypto.seal(credential, sealing_keys(), table=TABLE, column=COLUMN, row_id=connection.pk)


def credential(connection: Connection) -> Secret:
    """Raises NeverSent where the sealed text does not belong to this row, or its key is not here."""
    try:
        return crypto.open_sealed(connection.sealed_credential, sealing_keys(), table=TABLE, column=COLUMN, row_id=connection.pk)
    except (crypto.CannotOpen, keys.KeyMissing):
        raise cloudflare.NeverSent(
            "The stored credential of this connection does not open: it was changed, moved, or its key is missing. "
            "Ask an admin to look at the connection. Nothing was sent."
        ) from None


def client(connection: Connection) -> cloudflare.Client:
    return client_for(connection.owner_path, credential(connection))


def client_for(owner_path: str, secret: Secret) -> cloudflare.Client:
    """A client for a credential that may not be stored yet. ``owner_path``: ``user`` or ``accounts/<id>``."""
    session = cloudflare.new_session()
    base = settings.CLOUDFLARE_API_BASE_URL
    if settings.UPSTREAM_TRANSPORT:
        parts = urlsplit(base)
        session.mount(f"{parts.scheme}://{parts.netloc}/", import_string(settings.UPSTREAM_TRANSPORT)())
    return cloudflare.Client(base, secret, owner_path=owner_path, session=session, deadline=settings.UPSTREAM_DEADLINE_SECONDS)


def owner(connection: Connection) -> Owner:
    """Who will own the tokens of this connection."""
    return Owner("account" if connection.kind == Connection.Kind.ACCOUNT else "user", connection.owner_id, connection.owner_name)
