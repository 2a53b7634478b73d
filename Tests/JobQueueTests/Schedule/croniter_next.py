"""Reads lines of expression, time zone and instant, and prints for each the next three instants.

croniter counts on the clocks on the wall, and zoneinfo turns that into instants: given a zone, croniter is an hour out
where clocks have changed in between.
"""
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import croniter

for line in open(sys.argv[1], encoding="utf-8"):
    expression, zone, instant = line.rstrip("\n").split("\t")
    place = ZoneInfo(zone)
    times = croniter(expression, datetime.fromtimestamp(int(instant), place).replace(tzinfo=None))
    print(*(int(times.get_next(datetime).replace(tzinfo=place).timestamp()) for _ in range(3)))
