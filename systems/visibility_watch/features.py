"""What is known at an airport at the end of an hour: the columns that may say whether the visibility will be low, and what is asked.

Every column of `CANDIDATES` is made of readings of that hour and of the `LOOK_BACK` hours before it, nothing later. `DROPPED` are the
candidates that say next to nothing about what is asked (the gate measures that); the model takes the rest, `FEATURES`, in this order.

Units as the data set has them: visibility in miles, temperatures in °F, wind in mph, rain in inches, pressure in hPa. A reading that is
missing is null; the trees know what to do with it.
"""

from __future__ import annotations

TIME = "hour"  # the end of the hour, UTC
TARGET = "low"  # 1: below LIMIT at some time within the next AHEAD hours
LIMIT = 3.0  # statute miles: below it, aircraft fly by instruments
AHEAD = 3  # hours
LOOK_BACK = 6  # hours

CANDIDATES = {
    "visib": "visibility now",
    "visib_1h": "visibility an hour ago",
    "visib_3h": "visibility three hours ago",
    "visib_lowest_6h": "lowest visibility of this hour and the six before it",
    "visib_area": "lowest visibility now at any of the three airports",
    "spread": "temperature less dew point now: the air is saturated at 0",
    "spread_3h": "temperature less dew point three hours ago",
    "humid": "relative humidity now, per cent",
    "dewp": "dew point now",
    "temp": "temperature now",
    "temp_change_3h": "temperature now less that of three hours ago",
    "precip": "rain of this hour",
    "precip_6h": "rain of this hour and the six before it",
    "pressure": "pressure at sea level now",
    "pressure_change_3h": "pressure now less that of three hours ago",
    "wind_speed": "wind now",
    "wind_gust": "gusts now; missing when there are none",
    "wind_north": "part of the wind that blows from the north",
    "wind_east": "part of the wind that blows from the east, the sea",
    "clock": "hour of the day, local standard time",
    "origin": "the airport: EWR, JFK or LGA",
}
DROPPED = ("wind_gust", "clock", "origin")
FEATURES = tuple(name for name in CANDIDATES if name not in DROPPED)
