"""Settings of the mapper, by the front end's name.

Of these flexloop's search takes the metrics and ``max_temporal_loops_in_a_mapping``; the others say how Timeloop's
would go about it.
"""

from flexloop.timeloop.v4front.document import Mapper

__all__ = ["Mapper"]
