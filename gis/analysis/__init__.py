"""Looking at space, without reading anything: outlines for maps, and names for places."""
