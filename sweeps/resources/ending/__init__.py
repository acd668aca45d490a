"""How a command and the Ray that it started end when it is told to in the middle."""
