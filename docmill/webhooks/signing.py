"""Two signatures over one body: LlamaCloud's, and that of Standard Webhooks.

LlamaCloud's covers the body alone. Standard Webhooks' covers id and time as well, so that a
receiver can refuse what is repeated later.
"""

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"


def llamacloud_signature(secret: str, body: bytes) -> str:
    """Return the value of ``LC-Signature``: the key is the secret's own bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.new(standard_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def standard_key(secret: str) -> bytes:
    """Return the key that a secret stands for in Standard Webhooks.

    ``whsec_`` and base64 is that scheme's own form and is decoded; any other secret is its own
    bytes, and a library of the scheme is given ``whsec_`` and their base64.
    """
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
