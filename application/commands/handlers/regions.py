"""The regions this installation serves."""

from application.bootstrap import Tiffin
from domain.errors import InvalidInput
from domain.region import Region


def known_region(tiffin: Tiffin, region_id: str) -> Region:
    """Return the region. Raises InvalidInput, which lists those there are."""
    region = tiffin.regions.get(region_id)
    if region is None:
        known = ", ".join(sorted(tiffin.regions))
        raise InvalidInput("region", f"There is no region {region_id!r}; use one of {known}.")
    return region
