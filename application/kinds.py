"""The aggregates there are, as the event store needs them."""

from application.store import Kind
from domain.access.state import Access
from domain.access.state import evolve as evolve_access
from domain.driver.state import Driver
from domain.driver.state import evolve as evolve_driver
from domain.order.state import Order
from domain.order.state import evolve as evolve_order
from domain.privacy.state import Forgetting
from domain.privacy.state import evolve as evolve_privacy
from domain.restaurant.state import Restaurant
from domain.restaurant.state import evolve as evolve_restaurant

ORDER = Kind("order", Order, evolve_order)
DRIVER = Kind("driver", Driver, evolve_driver)
RESTAURANT = Kind("restaurant", Restaurant, evolve_restaurant)

ACCESS = Kind("access", Access, evolve_access)

PRIVACY = Kind("privacy", Forgetting, evolve_privacy)

KINDS = (ORDER, DRIVER, RESTAURANT, ACCESS, PRIVACY)
"""All of them. A stream's topics begin with its kind's name and a dot."""
