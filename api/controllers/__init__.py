"""One controller per audience. They hold no rules: each method hands on one command or asks one query."""

from api.controllers.accounts import Accounts
from api.controllers.auditor import Auditor
from api.controllers.customer import Customer
from api.controllers.disputes import Disputes
from api.controllers.docs import Docs
from api.controllers.driver import Driver
from api.controllers.driver_socket import DriverSocket
from api.controllers.gateway import Gateway
from api.controllers.health import Health
from api.controllers.inbox import InboxOf
from api.controllers.ops import Ops
from api.controllers.ops_map import OpsMap
from api.controllers.restaurant import Kitchen, Menu
from api.controllers.streams import Streams
from api.controllers.support import Support

CONTROLLERS = [
    Accounts,
    Customer,
    Kitchen,
    Menu,
    Driver,
    DriverSocket,
    Gateway,
    InboxOf,
    Support,
    Disputes,
    Auditor,
    Streams,
    Ops,
    OpsMap,
    Health,
    Docs,
]
