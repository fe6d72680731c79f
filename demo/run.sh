#!/bin/sh
# Maps the sample village through qgis_process with the bundled model and draws a picture of the result.
# Usage: demo/run.sh FOLDER, with the environment that the Makefile sets.
set -eu
folder=$1
scene=$folder/village
map=$folder/land_cover.tif
picture=$folder/land_cover.png

# Debian's /usr/bin/qgis_process is a wrapper that passes an option which QGIS 3.22 does not know.
qgis_process=$(command -v qgis_process.bin || command -v qgis_process)

test -d "$scene/sentinel2" || "$ENGINE_PYTHON" -m flair_landcover.research.scenes.village "$scene"

# Enabling what is enabled already is an error to it; where enabling fails, the next call says so.
"$qgis_process" plugins enable flair_landcover >"$folder/qgis_process.log" 2>&1 || true
"$qgis_process" run flair:segment -- \
    INPUT="$scene/aerial.tif" SENTINEL2="$scene/sentinel2" OUTPUT="$map" 2>>"$folder/qgis_process.log" \
    || { cat "$folder/qgis_process.log" >&2; exit 1; }
/usr/bin/python3 -m flair_landcover.demo.picture "$map" "$scene/aerial.tif" "$picture"

echo
echo "Land-cover map: $map"
echo "Picture of it:  $picture"
