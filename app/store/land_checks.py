"""What ``gengheng verify`` holds the register of projects and the map to."""

from app.store.check import Check

# As the policy stood when the project was filed; areas are in m², the tolerance of overlaps in hm².
_MAPPED = """(SELECT shape.*, parcel.area_m2 AS stated_m2, project.county, project.state,
                     parcel.use_before NOT IN ('dry_land', 'irrigated', 'paddy')
                     AND parcel.use_after IN ('dry_land', 'irrigated', 'paddy') AS is_new,
                     (SELECT CAST(value #>> '{}' AS numeric) FROM policy
                       WHERE name = 'parcel_area_tolerance' AND starts_at <= project.filed_at
                       ORDER BY starts_at DESC LIMIT 1) AS area_tolerance,
                     (SELECT 10000 * CAST(value #>> '{}' AS numeric) FROM policy
                       WHERE name = 'parcel_overlap_tolerance' AND starts_at <= project.filed_at
                       ORDER BY starts_at DESC LIMIT 1) AS overlap_tolerance_m2
                FROM parcel_shape AS shape JOIN project_parcel AS parcel USING (project_id, parcel_no)
                JOIN project ON project.id = shape.project_id)"""

LAND = (
    Check(
        "every mapped parcel states the area of its polygon, as near as policy asked of its filing",
        "SELECT format('%s mapped parcels', count(*)) FROM parcel_shape",
        f"""SELECT format('parcel %s of project %s: it states %s m², its polygon has %s', parcel_no,
                          project_id, stated_m2, area_m2)
              FROM {_MAPPED} AS mapped
             WHERE abs(stated_m2 - area_m2) > greatest(1, area_m2 * area_tolerance)
             ORDER BY project_id, parcel_no""",
    ),
    Check(
        # What lies across each other only in part takes geometry to see; what was copied does not.
        "no polygon becomes new farmland in two projects",
        "SELECT format('%s mapped parcels', count(*)) FROM parcel_shape",
        f"""SELECT format('projects %s: the same polygon of %s m² becomes new farmland in each',
                          string_agg(project_id::text, ', ' ORDER BY project_id), min(area_m2))
              FROM {_MAPPED} AS mapped
             WHERE is_new AND state <> 'REFUSED' AND area_m2 > overlap_tolerance_m2
             GROUP BY sha256(polygon) HAVING count(*) > 1 ORDER BY 1""",
    ),
    Check(
        "a project filed before the notice has paddy and capacity only of parcels that were verified anew",
        """SELECT format('%s projects verified anew, %s wait', count(reverified_on),
                         count(*) FILTER (WHERE needs_reverification)) FROM project""",
        """SELECT format('project %s waits to be verified anew, and batch %s of it is %s', project.id,
                         batch.id, batch.indicator)
             FROM project JOIN batch ON batch.project_id = project.id
            WHERE project.needs_reverification AND batch.indicator IN ('paddy_area', 'grain_capacity')
            UNION ALL
           SELECT format('project %s was verified anew, %s of its %s parcels were', project.id,
                         count(found.parcel_no), count(*))
             FROM project JOIN project_parcel AS parcel ON parcel.project_id = project.id
             LEFT JOIN reverified_parcel AS found USING (project_id, parcel_no)
            GROUP BY project.id, project.reverified_on
           HAVING count(found.parcel_no) <> CASE WHEN project.reverified_on IS NULL THEN 0
                                                 ELSE count(*) END""",
    ),
)
