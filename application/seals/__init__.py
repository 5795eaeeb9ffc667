"""Tamper evidence: the log's Merkle roots, chained, signed and kept outside the database; proofs; verification.

The format is documented in `docs/tamper-evidence.md`. Nothing here changes the log.
"""
