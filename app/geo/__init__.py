"""Polygons of parcels: the only room that knows shapely and pyproj."""
