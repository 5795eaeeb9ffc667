"""The lists' rows."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB

from projections.rows import FIXED

METADATA = MetaData(schema="order_lists")
ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("dispatch", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("region", Text, nullable=False, info=FIXED),
    Column("customer_id", Uuid, nullable=False, info=FIXED),
    Column("customer_name", Text, nullable=False, info=FIXED),
    Column("restaurant_id", Uuid, nullable=False, info=FIXED),
    Column("restaurant_name", Text, nullable=False, info=FIXED),
    Column("restaurant_position", JSONB, nullable=False, info=FIXED),
    Column("driver_id", Uuid),
    Column("driver_name", Text),
    Column("items", JSONB, nullable=False, info=FIXED),
    Column("dropoff", JSONB, nullable=False, info=FIXED),
    Column("delivery_distance_m", Float, nullable=False, info=FIXED),
    Column("currency", Text, nullable=False, info=FIXED),
    Column("delivery_fee_minor", BigInteger, nullable=False, info=FIXED),
    Column("tip_minor", BigInteger, nullable=False, info=FIXED),
    Column("total_minor", BigInteger, nullable=False, info=FIXED),
    Column("prep_seconds", Integer, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False, info=FIXED),
    Column("promised_at", DateTime(timezone=True), nullable=False, info=FIXED),
    Column("eta_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("ready_at", DateTime(timezone=True)),
    Column("picked_up_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),
    postgresql_with={"fillfactor": 60},
)
# `status` is in no index, so that its changes stay within their page; `open` changes once.
Index("by_customer", ORDERS.c.customer_id, ORDERS.c.placed_at, ORDERS.c.order_id)
Index("by_restaurant", ORDERS.c.restaurant_id, ORDERS.c.placed_at, ORDERS.c.order_id)
Index("by_restaurant_open", ORDERS.c.restaurant_id, ORDERS.c.placed_at, postgresql_where=ORDERS.c.open)
Index("by_driver", ORDERS.c.driver_id, ORDERS.c.placed_at, postgresql_where=ORDERS.c.driver_id.is_not(None))
Index("by_time", ORDERS.c.placed_at, ORDERS.c.order_id)
Index(
    "by_time_late", ORDERS.c.placed_at, ORDERS.c.order_id, postgresql_where=ORDERS.c.delivered_at > ORDERS.c.promised_at
)
WORDS = func.to_tsvector(literal_column("'simple'"), ORDERS.c.customer_name + " " + ORDERS.c.restaurant_name)
Index("by_words", WORDS, postgresql_using="gin")

OFFERS = Table(
    "offers",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("offer_id", Uuid, primary_key=True),
    Column("driver_id", Uuid, nullable=False, index=True),
    Column("sequence", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("distance_m", Float, nullable=False),
    Column("travel_seconds", Float, nullable=False),
    Column("drivers_asked", Integer, nullable=False),
    Column("batch", JSONB),
)
EARNINGS = Table(
    "earnings",
    METADATA,
    Column("driver_id", Uuid, primary_key=True),
    Column("finished_at", DateTime(timezone=True), primary_key=True),
    Column("order_id", Uuid, primary_key=True),
    Column("currency", Text, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("tip_minor", BigInteger, nullable=False),
)
