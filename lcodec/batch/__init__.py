"""Encoding whole folders: what is to be done, doing it, and the report.

jobs, problems = plan(source, destination)
report = run(jobs, lambda: Codec(), quality=50)
"""

from lcodec.batch.engine import PictureEncoder, run
from lcodec.batch.plan import Job, Plan, plan
from lcodec.batch.report import Outcome, Report, Status

__all__ = ["Job", "Outcome", "PictureEncoder", "Plan", "Report", "Status", "plan", "run"]
