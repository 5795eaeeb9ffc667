"""How tables change: Alembic revisions in raw SQL, all DDL but the projections' generations, and what runs them.

May import `application`; nothing may import it but the command line, by `python -m migrations`.
"""

from migrations.runner import current, head, prepare_keys, upgrade

__all__ = ["current", "head", "prepare_keys", "upgrade"]
