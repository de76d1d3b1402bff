"""What all tests share. A slow or busy machine is no failure: hypothesis gives no deadlines, and no opinion on how long drawing takes."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("gonogo", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("gonogo")
