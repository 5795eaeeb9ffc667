"""Disputes: all that is known of one order, put so that one look answers who was late, by how much, and why.

`explain` is pure: an order's events in, a `Dispute` out. `gather` reads what it needs. May import what `application`
may.
"""

from application.disputes.explain import explain as explain
from application.disputes.gather import driver_track as driver_track
from application.disputes.gather import gather as gather
from application.disputes.gather import order_track as order_track
from application.disputes.report import Dispute as Dispute
from application.disputes.report import DriverTrack as DriverTrack
from application.disputes.report import OrderTrack as OrderTrack
