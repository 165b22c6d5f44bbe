"""Maps composed with Folium, every script and style from our own disk. Only this room knows Folium and Branca."""
