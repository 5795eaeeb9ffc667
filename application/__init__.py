"""What happens: commands, the event store, reactions and their actors, clock jobs, gateways, engines, wiring, CLI.

May import `projections` and `domain`. Never `api` or `migrations`.
"""
