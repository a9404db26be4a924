"""When a checkpoint of the audit log is due, and the events that say which key signs them and which seals events."""

from datetime import timedelta

from django.conf import settings

from tokenportal import audit, clock
from tokenportal.audit import Event, checkpoints, reading, rotation
from tokenportal.audit.checkpoints import Checkpoint
from tokenportal.models import AuditEvent


def keep_up() -> str:
    """For the worker: a checkpoint where events came since the last one and that is old; a sentence where it went wrong."""
    stands = checkpoints.standing()
    oldest = clock.now() - timedelta(seconds=settings.CHECKPOINT_INTERVAL_SECONDS)
    if stands.unprotected and (stands.newest is None or stands.newest.moment <= oldest):
        checkpoints.try_to_make()
        stands = checkpoints.standing()
    if stands.newest:
        tell_key(stands.newest)
    return stands.trouble


def make() -> Checkpoint | None:
    """A checkpoint of all that there is now. Raises AuditUnavailable or OSError."""
    made = checkpoints.make()
    if made:
        tell_key(made)
    return made


def tell_key(made: Checkpoint) -> None:
    """See that an event says which key signs checkpoints, once the first that it signed is in the file.

    From then on a file without any is a finding. The event comes second, so a crash between the two is no cause for alarm.
    """
    told = reading.read(AuditEvent.objects.filter(action=Event.CHECKPOINT_KEY_SET).order_by("-number")[:1])
    if made.key not in [reading.detail(event, "key") for event in told]:
        audit.note(Event.CHECKPOINT_KEY_SET, by=None, key=made.key, public_key=checkpoints.public_hex(made.key))


def rotate(name: str) -> str:
    """Make a new key of these the current one and have an event say so at once. The new key's id.

    ``name`` is ``audit`` or ``checkpoint``. Raises AuditUnavailable or OSError.
    """
    key_id = rotation.rotate(name)
    if name == "checkpoint":
        make()
    return key_id
