"""What the engine says of a job while it goes on: stages and notices, each a code with plain values.

Nobody reads a sentence back. The engine gives a code and its values; whoever shows them words them, the command line
in English with `english`, QGIS in the user's language. Each code is defined here once, by its English template, whose
placeholders are the names of its values. To make one that is not defined so is an error at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from string import Formatter
from typing import Any, ClassVar, TypeVar, Union

from .errors import ProtocolError

_Kind = TypeVar("_Kind", bound="_Told")

# A pair is for one and for another number of what the value `count` counts.
Template = Union[str, "tuple[str, str]"]

STAGES: dict[str, Template] = {
    "started": "Started",
    "checking": "Checking the inputs",
    "loading": "Loading the model",
    "copying": "Copying the image into tiles: {percent} %",
    "following_collar": "Following the edge without data: {percent} %",
    "reading_series": "Reading the Sentinel-2 series: {number} of {total}",
    "repairing_polygons": "Repairing polygons: {number} of {total}",
    "tile": "Tile {number} of {total}",
    "writing": "Writing the map",
    "checking_training": "Checking",
    "reading": "Reading",
    "preparing": "Preparing features",
    "training": "Training",
    "comparing": "Comparing",
    "writing_model": "Writing",
    "fetched": "Fetched {megabytes:,.0f} MB",
    "fetched_of": "Fetched {megabytes:,.0f} of {total:,.0f} MB",
}
NOTICES: dict[str, Template] = {
    # the aerial raster
    "raster_without_crs": "The aerial raster has no CRS; its pixel size of {size:g} is taken as metres: give its CRS "
    "to be sure.",
    "crs_given": "The aerial raster has no CRS of its own: it is taken to be in {crs}, as given.",
    "crs_replaced": "The aerial raster's file says the CRS {own}; it is taken to be in {crs}, as given.",
    "beside_without_crs": "The raster {path} has no CRS: it is taken to be in the aerial raster's, on which it falls.",
    "beside_as_it_is": "The aerial raster has no CRS: the coordinates of the raster {path}, in {crs}, are taken as "
    "they are.",
    "beside_local": "The aerial raster or the raster {path} has a local CRS, whose place on Earth is unknown: the "
    "coordinates of both are taken as they are.",
    "projection_stretches": "The aerial raster's CRS, {crs}, does not keep lengths here: its pixels of {size:.3g} m "
    "are {across:.3g} m x {down:.3g} m on the ground, which the model and the areas go by.",
    "scale_varies": "The scale of the aerial raster's CRS, {crs}, varies within it: areas at its corners are off by "
    "up to {percent} %; for better ones give it in a CRS of its region, such as Lambert-93 (EPSG:2154) or the local "
    "UTM zone.",
    "coarse_pixels": "The aerial raster has pixels of {size:g} m; the model was made for 0.2 m and will be less "
    "accurate.",
    "stretched": "The aerial raster has 16 bits: its values are stretched to 8 bits (red from {low:g} to {high:g}).",
    "stretched_values": "The aerial raster has values of type {dtype}: they are stretched to 8 bits (red from {low:g} "
    "to {high:g}).",
    "eight_bits_as": "The aerial raster has 8-bit values stored as {dtype}: they are taken as they are, and cut "
    "off where they go beyond 0 to 255.",
    "filled_holes": "On {percent} % of the aerial raster all colours hold a number that stands for none, though it is "
    "not declared: it counts as no data.",
    "low_bits": "The aerial raster declares {bits} bits: 0 to {top:g} is taken as 0 to 255.",
    "scaled_floats": "The aerial raster has fractions: 0 to 1 is taken as 0 to 255.",
    "dark_picture": "The aerial raster is very dark: of 255, nearly nothing is above {high:.0f}, and of such a picture "
    "the model makes a wrong map; stretch its contrast first, or give the file with the whole range of values.",
    "flat_picture": "The aerial raster has hardly any contrast: its values lie within {width:.0f} steps, and of such a "
    "picture the model makes a wrong map; check that it is the right file, or stretch its contrast first.",
    "band_of_one_value": "Band {number} of the aerial raster, taken as {role}, holds nothing but {value:g}: check the "
    "bands.",
    "collar": "The aerial raster has a collar of the value {value:g} in all colours along {percent} % of its edge: it "
    "counts as no data.",
    "nearly_a_collar": "Along its edge the aerial raster has values of nearly {value:g} in all colours, as lossy "
    "compression makes of a collar without data: it is mapped like the rest; leave it out with an extent or a mask.",
    "holes": "{percent} % of the aerial raster was never filled, between its files or in blocks that were not written: "
    "it counts as no data.",
    "bands_partly_described": "Not all bands are described; the others are taken by their order: {used}.",
    "bands_not_used": "The bands {used} are used. Not used: {unused}.",
    "band": "band {number}",
    "band_called": "band {number} ({name})",
    "band_copy": "band {number} (the same as band {other})",
    "band_flat": "band {number} (one value)",
    "more_bands": "{number} more",
    "infrared_by_name": "{name} is called colour infrared: its bands are taken as near infrared, red and green. If "
    "they are not, say what they are in the bands, like R=1 G=2 B=3.",
    "infrared_first": "Band {number} looks like near infrared, much brighter than the others over vegetation: the "
    "bands are taken as {used}. If that is wrong, say what they are in the bands, like R=1 G=2 B=3.",
    "fourth_is_height": "Band {number} looks like heights above ground, not like near infrared: taken as elevation. If "
    "it is near infrared, say so in the bands, like R=1 G=2 B=3 NIR=4.",
    "grey_image": "The aerial raster is grey: its one band is taken as red, green and blue. Models are made for "
    "colours: expect a much worse map.",
    "mask_band": "Band {number} is all or nothing: taken as the mask of what the image shows.",
    "mask_band_hides": "Band {number} is all or nothing, and the image goes on where it is 0: taken as a mask, so that "
    "this is left out. If it is no mask, give the image without it.",
    "elevation_doubtful": "Band {number} is used as elevation, but {why}: correct the bands if that is wrong.",
    "infrared_doubtful": "Band {number} is used as near infrared, but {why}: correct the bands if that is wrong.",
    "red_doubtful": "Band {number} is used as red, but looks like near infrared, much brighter than the others over "
    "vegetation: correct the bands if that is wrong, like NIR=1 R=2 G=3.",
    "same_as_band": "it is the same as band {other}",
    "all_or_nothing": "it is all or nothing, as a mask is",
    "same_detail": "it shows the same detail as the image",
    "like_heights": "it looks like heights above ground",
    "copied_first": "The aerial raster is not stored in tiles, so that a window of it takes {seconds:.1f} s to read: "
    "what is needed of it is copied first, to a temporary file of up to {gigabytes:.1f} GB beside the result.",
    "no_infrared": "The aerial raster has no near infrared: the model works without it, less accurately.",
    "no_elevation": "The aerial raster has no elevation: the model works without it, less accurately.",
    "without_data": "Of the places of the image that were looked at {share:.0%} have no data and stay empty in the "
    "map.",
    "resampled": "The image's pixels of {size:.3g} m are resampled to the model's {model_size:g} m.",
    "bands_missing": "{count} of the model's {total} bands are at hand: its card tells a mean IoU of {without:.2f} "
    "with these and {whole:.2f} with all ({where}).",
    "band_darker": "{band} is much darker (on average {mean:.0f} of 255) than the images that {model} was trained on "
    "({low:.0f} to {high:.0f}): the map may be wrong; check which band is which, and whether the image is stretched.",
    "band_brighter": "{band} is much brighter (on average {mean:.0f} of 255) than the images that {model} was trained "
    "on ({low:.0f} to {high:.0f}): the map may be wrong; check which band is which, and whether the image is "
    "stretched.",
    "red_band": "Red",
    "green_band": "Green",
    "blue_band": "Blue",
    "infrared_band": "Near infrared",
    "heights_end": "The heights cover {percent} % of the extent: the rest counts as bare ground.",
    "terrain_ends": "The terrain model covers {percent} % of the extent: the rest counts as bare ground.",
    "band_in_metres": "Band {number} of the aerial raster, its heights, has fractions: it is taken as metres.",
    "band_with_fractions": "Band {number} of the aerial raster, its heights, has fractions as the colours have: it "
    "is taken as steps of 0.2 m; if it holds metres, give it as elevation raster.",
    "band_above_sea": "Band {number} of the aerial raster, taken as height above ground, is nowhere lower than "
    "{low:.0f} m (in steps of 0.2 m, where it has no fractions): it looks like heights above sea level, or no "
    "heights at all; check the bands, or give elevation and terrain as rasters of their own.",
    "band_too_tall": "Band {number} of the aerial raster, taken as height above ground, goes beyond {tallest:.0f} m "
    "on {percent} % of it (in steps of 0.2 m, where it has no fractions): check its unit and the bands, or give "
    "heights in metres as elevation raster.",
    "band_below_ground": "Band {number} of the aerial raster, taken as height above ground, lies below 0 on "
    "{percent} % of it, which counts as bare ground: check the bands.",
    # rasters of heights
    "undeclared_fill": "{what} holds {value:g} on {percent} % of the extent, which is taken as no data.",
    "heights_in_unit": "{what} is in the unit {unit}: its heights are converted to metres.",
    "heights_may_be_feet": "{what} has a CRS in feet and does not say the unit of its heights: they are taken as "
    "metres; if they are feet, write the unit into the raster or convert it.",
    "first_band_as_heights": "{what} has {bands} bands: the first is taken as the heights.",
    "heights_above_sea": "The elevation raster holds {low:.0f} to {high:.0f} m where the map is to be and meets the "
    "ground nowhere: it looks like a surface model above sea level, to which the terrain model belongs too, or like "
    "another unit than metres; the model takes heights above ground in metres.",
    "models_apart": "The elevation raster lies {low:.0f} m or more above the terrain model everywhere: it looks as "
    "if they had different height systems or units; give both in the same.",
    "surface_below_terrain": "The elevation raster lies below the terrain model on {percent} % of the extent, which "
    "counts as bare ground: check that both show the same place and time in the same height system.",
    "heights_below_ground": "The heights lie below 0 on {percent} % of the extent (down to {low:.0f} m), which "
    "counts as bare ground: give heights above ground, or the terrain model too.",
    "tall_heights": "The heights go beyond {tallest:.0f} m on {percent} % of the extent and count as {tallest:.0f} m "
    "there: check that they are metres above ground, neither centimetres nor heights above sea level.",
    "flat_heights": "The heights are {value:g} m all over the extent: no tree and no house stands out; check that it "
    "is the right raster, or leave it out.",
    "digital_heights": "The heights are whole numbers of 0 to 255, up to {high:.0f}, taken as metres: if they are "
    "FLAIR's digital numbers of 0.2 m, divide them by 5; if they are a shaded picture, give the heights themselves.",
    # several files as one image
    "tiles_joined": "{number} rasters are taken as one image.",
    "tiles_shifted": "The pixels of {names} do not lie on the grid of {first}: they are moved by up to "
    "{pixels:.2f} of a pixel to the nearest.",
    "tiles_overlap": "The rasters overlap: where they do the later one in the order of the names, or as given, counts.",
    "tiles_of_one_place": "{names} lie mostly over other rasters, so that of one place only the last counts: if they "
    "are of different years or colours, give those of one.",
    "rasters_left_out": "Rasters that are of another kind than {first} are left out: {names}.",
    # a colour infrared image beside the image
    "infrared_beside": (
        "Among the rasters is the infrared image of another one, by its name: the near infrared is taken from {names}.",
        "Among the rasters are the infrared images of others, by their names: the near infrared is taken from {names}.",
    ),
    "infrared_at_hand": "By its name {path} is the infrared image of this place: give it as the infrared image to map "
    "with it.",
    "infrared_taken": "The near infrared is band {band} of {path}.",
    "infrared_replaces": "The image's own near infrared, band {band}, is not used, as an infrared image is given.",
    "infrared_shifted": "The pixels of the infrared image do not lie on the image's grid: they are moved by "
    "{pixels:.2f} of a pixel to the nearest.",
    "infrared_resampled": "The infrared image has pixels of another size than the image, or another CRS: it is "
    "resampled to the image's pixels.",
    "infrared_without_crs": "The infrared image has no CRS: it is taken to be in the image's.",
    "infrared_ends": "The infrared image covers {percent} % of the image: the rest is left out of the map.",
    # the classes of a map
    "classes_change": "Of the model's classes {changes}: choose the model's own classes to see them in the map.",
    "class_becomes": "{name} becomes {target}",
    "classes_become": "{names} and {last} become {target}",
    "many_classes_become": "{names} and {more} more become {target}",
    # the Sentinel-2 series
    "series_not_taken": "The model {model} takes no Sentinel-2: the series is left out.",
    "predicted_twice": "To show what Sentinel-2 changes, every tile is predicted twice: the map takes about twice as "
    "long.",
    "older_products": "Of the same Sentinel-2 image there are several versions: the latest is taken, and left out: "
    "{names}.",
    "has_cirrus_band": "The Sentinel-2 series has a band B10, which Level-2A products do not have: it looks like "
    "Level-1C, not corrected for the atmosphere, which the models do not know. Give Level-2A products of its dates.",
    "empty_dates": "Sentinel-2 rasters without a single pixel with data are left out: {names}.",
    "undeclared_nodata": "Values of {values} in the Sentinel-2 rasters are taken as missing pixels.",
    "percent_reflectance": "The values of {names} are taken as reflectance in percent. If they are not, convert them "
    "to reflectance x 10000.",
    "stretched_reflectance": "The values of {names} would be brighter than anything as reflectance x 10000: they are "
    "taken as reflectance of 0 to 1 stretched over 0 to 65535, as browsers export it. If they are not, export them as "
    "reflectance x 10000 or as floating-point numbers.",
    "offset_taken_off": (
        "The Sentinel-2 raster of {first} does not say its processing baseline, and has no value below 1000: the "
        "offset of 1000 of baseline 04.00 and later is taken to be in it, and taken off. If it is not in it, put N0300 "
        "into its name or its folder's; else the baseline, such as N0509, or the product's MTD_MSIL2A.xml beside it.",
        "{count} Sentinel-2 dates, {first} to {last}, do not say their processing baseline, and have no value below "
        "1000: the offset of 1000 of baseline 04.00 and later is taken to be in them, and taken off. If it is not in "
        "them, put N0300 into their names or their folder's; else the baseline, such as N0509, or the products' "
        "MTD_MSIL2A.xml beside them.",
    ),
    "offset_not_in": (
        "The Sentinel-2 raster of {first} does not say its processing baseline; as it has values below 1000, the "
        "offset of 1000 of baseline 04.00 is not in it. If it is, put the baseline, such as N0509, into its name.",
        "{count} Sentinel-2 dates, {first} to {last}, do not say their processing baseline; as they have values below "
        "1000, the offset of 1000 of baseline 04.00 is not in them. If it is, put the baseline, such as N0509, into "
        "their names or their folder's.",
    ),
    "offset_unclear": (
        "The Sentinel-2 raster of {first} does not say its processing baseline, and has no value below 1000: it is "
        "taken as hazy, without the offset of 1000 of baseline 04.00 and later. If it was processed anew, put the "
        "baseline, such as N0500, into its name; else N0300.",
        "{count} Sentinel-2 dates, {first} to {last}, do not say their processing baseline, and have no value below "
        "1000: they are taken as hazy, without the offset of 1000 of baseline 04.00 and later. If they were processed "
        "anew, put the baseline, such as N0500, into their names; else N0300.",
    ),
    "offset_already_off": "{names} should have the offset of 1000 of processing baseline 04.00 in the values, but many "
    "are lower: it is taken to be off already, and not taken off again. If it is in them, give the products as they "
    "are.",
    "mask_of_0_and_1": "The mask of {mask} has no value above 1: 1 is taken as covered. If these are percents, give "
    "no mask: all of it is clear.",
    "mask_of_0_and_255": "The mask of {mask} has the values 0 and 255 alone: 255 is taken as covered. If it stands for "
    "missing pixels, declare it as nodata.",
    "mask_gaps": "The Sentinel-2 masks of {dates} say nothing of a part of the scene: there it counts as clear.",
    "incomplete_dates": "Dates of the Sentinel-2 cube that not all bands have are left out: {dates}.",
    "unknown_rasters": "Rasters beside the Sentinel-2 series without its 10 bands or names for them are left out: "
    "{names}.",
    "many_unknown_rasters": "Rasters beside the Sentinel-2 series without its 10 bands or names for them are left "
    "out: {names} and others.",
    "dated_by_tag": "The Sentinel-2 raster {path} is dated {date} by its tag {tag}; if this is only when the file was "
    "written, put the right date into its name.",
    "unknown_dates": "The Sentinel-2 series has no date {dates} that could be left out.",
    "no_cloud_mask": "The Sentinel-2 series has no cloud mask: all of its dates are kept, clouds or not.",
    "dates_without_cloud_mask": "{without} of {total} Sentinel-2 dates have no cloud mask: they are kept, clouds or "
    "not.",
    "tiles_without_series": "Sentinel-2 was left out for {without} of {total} tiles: there the series has no pixels, "
    "or clouds and snow on every date.",
    "series_ends": "The Sentinel-2 series ends beside or within {ending} of {total} tiles: what is missing of their "
    "surroundings is a reflection of the rest.",
    # a finished map
    "empty_map": "The extent holds no pixel with data: the map is empty.",
    "outside_of_tuning": "{share:.0%} of the image does not look like that on which {model} was fine-tuned: there the "
    "map is that of the model that it was made from.",
    # the polygons of a fine-tuning
    "polygons_without_value": (
        "{count} polygon has no value in the field {field}: left out.",
        "{count} polygons have no value in the field {field}: left out.",
    ),
    "cosia_numbers": "The numbers in the field {field} are taken as CoSIA's, as the layer has its field classe too.",
    "numero_of_flair": "The numbers in the field {field} are taken as the model's, where 4 is {four}; if they are "
    "CoSIA's, choose its field classe, or give a class map.",
    "classes_as_other": (
        "{names} is no class of the model {model}: taken as other, as FLAIR does; map it to a class of its own to "
        "tell it apart.",
        "{names} are no classes of the model {model}: taken as other, as FLAIR does; map them to classes of their own "
        "to tell them apart.",
    ),
    "numbers_of_flair": (
        "The number {numbers} is taken as one of FLAIR's 19 classes and so as other: if it means something else, map "
        "it to a class.",
        "The numbers {numbers} are taken as those of FLAIR's 19 classes and so as other: if they mean something else, "
        "map them to classes.",
    ),
    "layer_without_crs": "The layer {layer} has no CRS: its polygons are taken to be in the aerial raster's.",
    "polygons_as_they_are": "The aerial raster has no CRS: the polygons' coordinates, in {crs}, are taken as they are.",
    "local_crs": "The aerial raster or the polygons have a local CRS, whose place on Earth is unknown: the polygons' "
    "coordinates are taken as they are.",
    "no_polygons": ("{count} feature is no polygon: left out.", "{count} features are no polygon: left out."),
    "unreadable_geometries": (
        "{count} feature has no geometry that can be read: left out.",
        "{count} features have no geometry that can be read: left out.",
    ),
    "repaired": (
        "{count} polygon has an outline that crosses itself or is otherwise invalid: repaired for the training.",
        "{count} polygons have an outline that crosses itself or is otherwise invalid: repaired for the training.",
    ),
    "off_the_raster": "{outside} of {total} features have nothing on the aerial raster: left out.",
    "tiny_polygons": (
        "{count} polygon is smaller than one pixel: left out.",
        "{count} polygons are smaller than one pixel: left out.",
    ),
    "conflict": "Polygons of different classes overlap on {area_m2:.1f} m²: nothing is learnt there.",
    "too_little": (
        "{count} polygon of {area_m2:.0f} m² may be too little to learn from: draw {polygons} or more, of "
        "{enough_m2:.0f} m² in all.",
        "{count} polygons of {area_m2:.0f} m² may be too little to learn from: draw {polygons} or more, of "
        "{enough_m2:.0f} m² in all.",
    ),
    # the hold-out
    "no_holdout": "No polygons are held out, so the scores are those of the training polygons.",
    "too_few_to_hold_out": "{polygons} polygons are too few to hold some out, so the scores are those of the training "
    "polygons: draw {fewest} or more.",
    "all_in_one_place": "No polygon can be held out, as each class has all of its polygons in one place: the scores "
    "are those of the training polygons; draw polygons of a class in several places.",
    "classes_not_held_out": (
        "No polygon is held out of {classes}: too few, or all in one place, so the scores say nothing of it.",
        "No polygon is held out of {classes}: too few, or all in one place, so the scores say nothing of them.",
    ),
    "fixed_epochs": "Without a hold-out the training runs a fixed number of epochs and cannot tell when it gets worse.",
    # a fine-tuned model
    "no_better": "The new model scores no better than the base model: look at its map before you keep it.",
    "counts_on_part": "The image looks so different from place to place that the fine-tuning will count on about "
    "{share:.0%} of it: to use it on all of it, choose that it counts on images that look otherwise, too.",
}

# Notices that only say what is done: nothing in them is in doubt, so that no strict run is refused for them.
TOLD = frozenset(
    {
        "projection_stretches",
        "crs_given",
        "crs_replaced",
        "cosia_numbers",
        "stretched",
        "stretched_values",
        "eight_bits_as",
        "low_bits",
        "filled_holes",
        "scaled_floats",
        "collar",
        "holes",
        "bands_partly_described",
        "bands_not_used",
        "band",
        "band_called",
        "band_copy",
        "band_flat",
        "more_bands",
        "infrared_by_name",
        "mask_band",
        "same_as_band",
        "all_or_nothing",
        "same_detail",
        "like_heights",
        "copied_first",
        "no_infrared",
        "no_elevation",
        "without_data",
        "resampled",
        "bands_missing",
        "heights_end",
        "band_in_metres",
        "undeclared_fill",
        "heights_in_unit",
        "terrain_ends",
        "tiles_joined",
        "tiles_shifted",
        "tiles_overlap",
        "infrared_at_hand",
        "infrared_beside",
        "infrared_taken",
        "infrared_replaces",
        "infrared_shifted",
        "infrared_resampled",
        "classes_change",
        "class_becomes",
        "classes_become",
        "many_classes_become",
        "predicted_twice",
        "older_products",
        "offset_not_in",
        "undeclared_nodata",
    }
)


@dataclass(frozen=True)
class _Told:
    """A code of `templates` and its values: text, numbers, lists of them, or a notice that is a part of the sentence.

    Raises ValueError where the code is unknown or its template names other values or formats them otherwise, TypeError
    where a value is not one that JSON has.
    """

    code: str
    values: dict[str, Any]
    templates: ClassVar[Mapping[str, Template]] = {}

    def __post_init__(self) -> None:
        if self.code not in self.templates:
            raise ValueError(f"There is no {type(self).__name__} {self.code!r}.")
        names = names_in(self.templates[self.code])
        if set(self.values) != names:
            raise ValueError(f"{self.code} has the values {sorted(names)}, not {sorted(self.values)}.")
        for name, value in self.values.items():
            if not all(isinstance(item, (str, int, float, Notice)) for item in _items(value)):
                raise TypeError(f"The value {name} of {self.code} is no plain value: {value!r}.")
        in_words(self, str)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives the same back."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[_Kind], values: Any) -> _Kind:
        """What `to_dict` described. Raises ProtocolError where it is none that this version knows."""
        try:
            return cls(values["code"], {name: _read(value) for name, value in values["values"].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolError(f"{values!r:.80} is no {cls.__name__} ({error}).") from None


class Stage(_Told):
    """What the engine does at the moment."""

    templates = STAGES


@dataclass(frozen=True)
class Notice(_Told):
    """Something that the user should know, in one sentence.

    setting: of the job that it is about, or "". evidence: what was measured, plain values by name with units in their
    names. picture: a stretch of the picture where it is seen, a PNG in base64, or "".
    """

    setting: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    picture: str = ""
    templates = NOTICES

    @classmethod
    def from_dict(cls, values: Any) -> Notice:
        told = super().from_dict(values)
        kinds = {"setting": str, "evidence": dict, "picture": str}
        more = {name: values[name] for name, kind in kinds.items() if isinstance(values.get(name), kind)}
        return replace(told, **more)

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value or name in ("code", "values")}

    @property
    def doubt(self) -> bool:
        """Whether the engine is not sure of what it takes."""
        return self.code not in TOLD


Warn = Callable[[Notice], None]


def stage(code: str, **values: object) -> Stage:
    """A stage by its code and its values."""
    return Stage(code, values)


def notice(code: str, **values: object) -> Notice:
    """A notice by its code and its values."""
    return Notice(code, values)


def with_evidence(told: Notice, picture: str = "", **evidence: object) -> Notice:
    """The notice with what it rests on. picture: a PNG in base64."""
    return replace(told, evidence=evidence, picture=picture)


def warn_about(setting: str, warn: Warn) -> Warn:
    """A `warn` whose notices are about a setting of the job, where they do not say another."""
    return lambda told: warn(told if told.setting else replace(told, setting=setting))


def evidence_text(told: Notice) -> str:
    """What a notice rests on, such as ``lowest_m 112, share 0.31``; "" where it names nothing."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in told.evidence.items())


def english(told: _Told) -> str:
    """The English words."""
    return in_words(told, str)


def in_words(told: _Told, translate: Callable[[str], str]) -> str:
    """The words in the language that `translate` gives a template in."""
    template = told.templates[told.code]
    if not isinstance(template, str):
        one, many = template
        template = one if told.values["count"] == 1 else many
    return translate(template).format(**{name: _shown(value, translate) for name, value in told.values.items()})


@cache
def names_in(template: Template) -> frozenset[str]:
    """The names of the values of a template; `count` too where it is a pair."""
    if isinstance(template, str):
        return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)
    return frozenset({"count"}).union(*map(names_in, template))


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(_plain(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _read(value: object) -> object:
    if isinstance(value, list):
        return [_read(item) for item in value]
    return Notice.from_dict(value) if isinstance(value, dict) else value


def _shown(value: object, translate: Callable[[str], str]) -> object:
    if isinstance(value, list):
        return ", ".join(str(_shown(item, translate)) for item in value)
    return in_words(value, translate) if isinstance(value, Notice) else value
