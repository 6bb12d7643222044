"""The backend that runs programs in containers of a Docker engine, and the images they run in."""
