"""Pixel sizes and parts of OME-TIFF and ImageJ files, each with known values."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import length, metres, ome_length
from napari_latentdyn.core.observations.images import Selection, load, read_image

BASE = np.random.default_rng(0).integers(30, 200, (40, 50)).astype(np.uint16)
OTHER = BASE[::-1].copy()
SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def pixels(data, number=0, size=0.65, **counts):
    """Return the XML of an image with its planes."""
    sizes = {"SizeC": 1, "SizeZ": 1, "SizeT": 1, **counts}
    attributes = " ".join(f'{name}="{value}"' for name, value in sizes.items())
    channels = "".join(f'<Channel ID="Channel:{number}:{k}"/>' for k in range(sizes["SizeC"]))
    return (
        f'<Image ID="Image:{number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYCZT" '
        f'Type="uint16" SizeX="50" SizeY="40" PhysicalSizeX="{size}" PhysicalSizeY="{size}" '
        f"{attributes}>{channels}{data}</Pixels></Image>"
    )


def plane(name, count=1, **first):
    """Return the XML of planes in a file."""
    where = " ".join(f'{key}="{value}"' for key, value in first.items())
    return (
        f'<TiffData IFD="0" PlaneCount="{count}" {where}>'
        f'<UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData>'
    )


def ome(*parts, name="x"):
    """Return OME-XML, as the file of a name has it."""
    return (
        f'<?xml version="1.0"?><OME xmlns="{SCHEMA}" UUID="urn:uuid:{name}">{"".join(parts)}</OME>'
    )


def write(path, data, xml):
    tifffile.imwrite(path, data, description=xml, metadata=None, photometric="minisblack")


def test_each_position_has_its_pixel_size(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        for data, size in ((OTHER, 1.0), (BASE, 0.25)):
            about = {"axes": "TYX", "PhysicalSizeX": size, "PhysicalSizeY": size}
            tif.write(np.stack([data, data]), metadata=about)
    for place, (data, size) in enumerate(((OTHER, 1.0), (BASE, 0.25))):
        image = read_image(f"{tmp_path / 'a.ome.tif'}:p={place},t=0")
        np.testing.assert_array_equal(image.array, data)
        assert image.geometry.pixel_size == (size, size)
        assert image.notes == ()
    whole = load(Selection(tmp_path / "a.ome.tif"))
    assert whole.geometry is None
    assert "different sizes" in whole.notes[0]


@pytest.mark.parametrize("together", [True, False])
def test_a_file_of_a_set_of_positions_is_that_position(tmp_path, together):
    names = ["P0.ome.tif", "P1.ome.tif"]
    for name, data in zip(names, (OTHER, BASE), strict=True):
        parts = [pixels(plane(n), k, size=k + 1) for k, n in enumerate(names)]
        write(tmp_path / name, data, ome(*parts, name=name))
    if not together:
        (tmp_path / names[0]).unlink()
    image = read_image(str(tmp_path / names[1]))
    np.testing.assert_array_equal(image.array, BASE)
    assert image.geometry.pixel_size == (2.0, 2.0)


def test_several_planes_of_a_set_named_at_once(tmp_path):
    names = ["T0.ome.tif", "T1.ome.tif"]
    data = "".join(plane(name, 2, FirstC=0, FirstT=k) for k, name in enumerate(names))
    for name in names:
        write(tmp_path / name, np.stack([OTHER, BASE]), ome(pixels(data, SizeC=2, SizeT=2)))
    image = read_image(str(tmp_path / names[1]))
    np.testing.assert_array_equal(image.array, [OTHER, BASE])
    assert (image.channel_axis, image.geometry.pixel_size) == (0, (0.65, 0.65))


def test_times_and_depths_of_one_file_of_a_set(tmp_path):
    names = ["A.ome.tif", "B.ome.tif"]
    data = plane(names[0], 6, FirstT=0) + plane(names[1], 6, FirstT=2)
    stack = BASE + np.arange(6, dtype=np.uint16)[:, None, None]
    write(tmp_path / names[1], stack, ome(pixels(data, SizeZ=3, SizeT=4)))
    image = read_image(f"{tmp_path / names[1]}:t=1,z=2")
    np.testing.assert_array_equal(image.array, stack[5])


@pytest.mark.parametrize("there", [True, False])
def test_metadata_in_a_file_beside(tmp_path, there):
    xml = ome('<BinaryOnly MetadataFile="c.companion.ome" UUID="urn:uuid:c"/>')
    write(tmp_path / "T0.ome.tif", BASE, xml)
    if there:
        data = plane("T0.ome.tif", FirstT=0) + plane("T1.ome.tif", FirstT=1)
        (tmp_path / "c.companion.ome").write_text(ome(pixels(data, SizeT=2)))
    image = read_image(str(tmp_path / "T0.ome.tif"))
    np.testing.assert_array_equal(image.array, BASE)
    assert image.geometry == (Geometry.from_pixel_size(0.65, "µm") if there else None)
    assert ("c.companion.ome" in "".join(image.notes)) == (not there)


@pytest.mark.parametrize(
    ("unit", "metre"),
    [("li", 0.0254 / 12), ("pt", 0.0254 / 72), ("thou", 2.54e-5), ("in", 0.0254), ("Å", 1e-10)],
)
def test_units_as_ome_means_them(tmp_path, unit, metre):
    about = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    about |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", BASE, metadata=about)
    image = read_image(str(tmp_path / "a.ome.tif"))
    size = image.geometry.pixel_size[0] * metres(image.geometry.length_unit)
    assert size == pytest.approx(0.5 * metre, rel=1e-9)


@pytest.mark.parametrize("spelled", ["inch", "Angstrom", "dm", "feet", "mile", "pm", "microns"])
def test_a_unit_that_is_read_can_be_written(spelled):
    found = length(spelled)
    assert found is not None
    assert ome_length(found[1]) == found[1]


def test_imagej_names_another_unit_for_rows(tmp_path):
    about = "ImageJ=1.53t\nunit=mm\nyunit=um\n"
    options = {"metadata": None, "resolution": (2.0, 4.0)}
    tifffile.imwrite(tmp_path / "a.tif", BASE, description=about, **options)
    image = read_image(str(tmp_path / "a.tif"))
    size = np.array(image.geometry.pixel_size) * metres(image.geometry.length_unit)
    assert size == pytest.approx((0.25e-6, 0.5e-3))


@pytest.mark.parametrize("code", [1, 3, 6, 8])
def test_a_turned_image_has_turned_pixels(tmp_path, code):
    about = "ImageJ=1.53t\nunit=um\n"
    options = {"metadata": None, "resolution": (2.0, 4.0)}
    tag = [(274, 3, 1, code, True)]
    tifffile.imwrite(tmp_path / "a.tif", BASE, description=about, extratags=tag, **options)
    image = read_image(str(tmp_path / "a.tif"))
    assert image.geometry.pixel_size == ((0.5, 0.25) if code >= 5 else (0.25, 0.5))


@pytest.mark.parametrize(
    ("moments", "unit", "expected"),
    [
        ((5, 10, 20, 25), "min", [0, 5, 15, 20]),
        ((3.0, 13.01, 22.99, 33.0), "s", [0, 10, 20, 30]),
        ((0, 10, 10, 20), "s", None),
    ],
    ids=["uneven", "jitter", "not increasing"],
)
def test_times_of_planes(tmp_path, moments, unit, expected):
    told = {"DeltaT": list(np.repeat(moments, 2)), "DeltaTUnit": [unit] * 8}
    stack = np.stack([np.stack([BASE + k, OTHER]) for k in range(4)])
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "TCYX", "Plane": told})
    found = load(Selection(tmp_path / "a.ome.tif"))
    if expected is None:
        assert found.times is None
        return
    np.testing.assert_allclose(found.times, expected, atol=1e-9)
    assert found.time_unit == unit


def test_times_of_planes_have_their_own_unit(tmp_path):
    told = {"DeltaT": [0, 60, 180], "DeltaTUnit": ["s"] * 3}
    about = {"axes": "TYX", "TimeIncrement": 1, "TimeIncrementUnit": "min", "Plane": told}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.stack([BASE, OTHER, BASE]), metadata=about)
    found = load(Selection(tmp_path / "a.ome.tif"))
    assert (found.times.tolist(), found.time_unit) == ([0, 60, 180], "s")
