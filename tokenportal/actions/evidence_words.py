"""What the evidence pack says of itself."""

from datetime import datetime

from tokenportal.actions.evidence_rows import Period
from tokenportal.audit.signing import Signer


def readme(by: str, at: datetime, newest: int, period: Period, signer: Signer) -> str:
    """The README of a pack."""
    first, last = period.first or "the beginning", period.last or "now"
    return f"""\
EVIDENCE PACK OF TOKEN PORTAL
Taken by {by} on {at:%Y-%m-%d %H:%M} UTC. The log then reached event {newest}. All times are UTC.


WHAT IS IN IT

tokens.csv         Every token that the portal knows, those that have ended too: who answers for it, who asked,
tokens.jsonl       who agreed to which version (by its digest), risk, findings, last use. The same, for programs.
owners.csv         Every person: active or not, roles, and for how many tokens that exist they answer.
reviews.csv        Each time that somebody agreed to send a body to Cloudflare: who, when, to which version and
                   digest, and what came of it.
approvals.csv      What each reviewer answered to which version (by its digest), the rules that asked for it, and
                   since when an approval counts no more.
events.jsonl       The audit log from {first} to {last}, oldest first: what happened, who did it, what changed.
verification.json  Whether the log held when it was last recomputed, and when that was.
checkpoint.json    The newest signed checkpoint: how long the log was, and the hash of its newest event.
public-key.pem     The public key for the signature of manifest.json.
manifest.json      The SHA-256 and size of each file above, and who took the pack when.
manifest.sig       The Ed25519 signature of manifest.json.

In the CSV files a cell that a spreadsheet would run as a formula begins with an apostrophe, and characters that
nobody can see are written visibly, such as ␍ or ⟦U+202E⟧. In the JSON files everything but ASCII is escaped.
Drafts are private: nothing of what somebody is still writing is in this pack. No secret is in it either.


HOW TO CHECK IT

1. The signature:
     openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in manifest.json -sigfile manifest.sig
2. The files: compare what "sha256sum *" prints with "files" in manifest.json.
3. The key. Its id is {signer.key_id}, and its 32 bytes in hexadecimal digits are
     {signer.public}
   Compare that with public_key in the newest event checkpoint_key.set, and with what you kept outside the portal when
   the key began to be used. Print the key that the file holds with:
     openssl pkey -pubin -in public-key.pem -outform DER | tail -c 32 | od -An -tx1
4. The chain: take hash and mac out of a line of events.jsonl. What is left, as JSON with sorted keys, without blanks,
   in UTF-8 and with no more escapes than JSON demands, has the SHA-256 that hash says, and previous is the hash of the
   event before. In Python:
     import hashlib, json
     before = None
     for line in open("events.jsonl", encoding="utf-8"):
         event = json.loads(line)
         assert not event.get("unreadable"), event["number"]
         seal, _ = event.pop("hash"), event.pop("mac")
         text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
         assert hashlib.sha256(text.encode()).hexdigest() == seal, event["number"]
         assert before in (None, event["previous"]), event["number"]
         before = seal
   A line with "unreadable" stands for an event that cannot be read any more, because somebody wrote into its row.
5. The checkpoint: if the log reaches the event whose number is "size" in checkpoint.json, its hash is "head" there.


WHAT IT PROVES, AND WHAT NOT

It proves that the holder of this portal's signing key made this pack, and that nothing in it was changed since.
It proves, by the keyed seals that the portal itself verifies (verification.json), that no event was changed, removed,
added or moved by somebody who could write the database but had not the keys, up to the last checkpoint.
It does not prove that what came after that checkpoint is complete, that whoever holds the server with its keys is
honest, or what was done at Cloudflare between two readings by the portal. Keep checkpoints outside the portal, where
its administrators cannot change them: whoever compares the log with one of those relies on neither.
The files are read one after another while the pack is written, so what changes in that moment may be in one and not
yet in another. Events after number {newest} are not in it.
"""
