"""Everybody registers and logs in, like anyone else; before simulated time starts, for passwords cost real time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from simulation.client import Api, Person
from simulation.scenario import Scenario

AT_ONCE = 8
"""Each costs the server some 20 ms of hashing, twice; more at once would only queue."""
PASSWORD = "correct horse battery staple"  # noqa: S105 - nobody's; the world is thrown away
DELIVERY_RADIUS_M = 30_000.0


@dataclass(frozen=True)
class People:
    """All logged in, in the scenario's order."""

    customers: Sequence[Person]
    restaurants: Sequence[Person]
    drivers: Sequence[Person]


async def enrol(api: Api, scenario: Scenario) -> People:
    """Register and log in the whole city."""
    run = uuid4().hex[:8]
    doors = asyncio.Semaphore(AT_ONCE)

    async def one(role: str, number: int, name: str, details: dict[str, Any]) -> Person:
        async with doors:
            email = f"{role}-{number}.{run}@example.com"
            account = {"email": email, "password": PASSWORD, "role": role, "name": name, "phone": f"+3519{number:08}"}
            await api.call("POST", "/v1/accounts", body=account | details)
            return await log_in(api, email, PASSWORD)

    customers = [one("customer", number, name, {}) for number, name in enumerate(scenario.customers)]
    restaurants = [
        one(
            "restaurant",
            number,
            plan.name,
            {
                "restaurant": {
                    "region": scenario.region,
                    "position": scenario.plane.to_degrees(plan.point)._asdict(),
                    "address": f"Praça {number + 1}",
                    "cuisines": plan.cuisines,
                    "prep_seconds": plan.prep_seconds,
                    "delivery_radius_m": DELIVERY_RADIUS_M,
                }
            },
        )
        for number, plan in enumerate(scenario.restaurants)
    ]
    drivers = [
        one(
            "driver",
            number,
            plan.name,
            {"driver": {"region": scenario.region, "vehicle": "scooter", "capacity": plan.capacity}},
        )
        for number, plan in enumerate(scenario.drivers)
    ]
    everyone = await asyncio.gather(*customers, *restaurants, *drivers)
    first_driver = len(customers) + len(restaurants)
    return People(everyone[: len(customers)], everyone[len(customers) : first_driver], everyone[first_driver:])


async def log_in(api: Api, email: str, password: str) -> Person:
    """Open a session."""
    session = (await api.call("POST", "/v1/sessions", body={"email": email, "password": password})).body
    return Person(api, session["token"], session["subject_id"])
