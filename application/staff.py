"""Accounts for staff: appointed from the command line, where there is no admin yet to do it over the API."""

import asyncio
from typing import Literal
from uuid import UUID

import psycopg

from application.accounts import EmailTaken, normal
from application.ids import new_id
from application.passwords import Passwords

type StaffRole = Literal["support", "auditor", "admin"]

INSERT = """
INSERT INTO accounts (id, email, password_hash, role, subject_id, name)
VALUES (%(id)s, %(email)s, %(password_hash)s, %(role)s, %(id)s, %(name)s)
ON CONFLICT (email) DO NOTHING
"""


def appoint(database_url: str, *, role: StaffRole, email: str, name: str, password: str) -> UUID:
    """Create the account and return its id, which is also its subject's. Raises EmailTaken."""
    account = {
        "id": new_id(),
        "email": normal(email),
        "password_hash": _hash(password),
        "role": role,
        "name": name,
    }
    with psycopg.connect(database_url, autocommit=True, connect_timeout=5) as connection:
        if connection.execute(INSERT, account).rowcount == 0:
            raise EmailTaken
    return UUID(str(account["id"]))


def _hash(password: str) -> str:
    passwords = Passwords(threads=1)
    try:
        return asyncio.run(passwords.hash(password))
    finally:
        passwords.close()
