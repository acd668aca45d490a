import sys

from sweeps.cluster.preemption.drain import main

sys.exit(main())
