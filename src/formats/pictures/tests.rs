#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use std::io::Cursor;

#[test]
fn written_pictures_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let size = Size::new(5, 3);
    let colour = ImageU8::new(3, size, (0..45).collect()).unwrap();
    write_png(&path, &colour).unwrap();
    assert_eq!(read_picture(&path).unwrap(), colour);
    // A gray image has three equal planes in the file.
    let gray = ImageU8::new(1, size, (0..15).collect()).unwrap();
    write_png(&path, &gray).unwrap();
    let read = read_picture(&path).unwrap();
    assert!((0..3).all(|channel| read.plane(channel) == gray.data()));
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::GrayImage::new(width, height);
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

#[test]
fn samples_of_a_camera_of_12_bits_are_not_taken_as_nearly_black() {
    type Gray16 = image::ImageBuffer<image::Luma<u16>, Vec<u16>>;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let save = |samples: [u16; 4]| {
        Gray16::from_raw(2, 2, samples.to_vec()).unwrap().save(&path).unwrap();
        largest_of_16_bits(&path).unwrap()
    };
    let first = |bits| read_picture_of_bits(&path, bits).map(|p| p.plane(0).to_vec());
    let largest = save([0, 16, 2048, 4095]).unwrap();
    assert_eq!((largest, SampleBits::of(largest).count()), (4095, 12));
    assert_eq!(first(SampleBits::of(largest)).unwrap(), [0, 1, 128, 255]);
    assert!(first(SampleBits::ALL).unwrap().iter().all(|sample| *sample <= 16));
    let error = first(SampleBits::of(1000)).unwrap_err().to_string();
    assert!(error.contains("a.png: a sample of 2048") && error.contains("10 bits"), "{error}");
    assert_eq!(SampleBits::of(save([0, 1, 2, 65535]).unwrap()), SampleBits::ALL);
    std::fs::write(&path, png(2, 2)).unwrap();
    assert_eq!(largest_of_16_bits(&path).unwrap(), None);
    assert_eq!(first(SampleBits::of(1000)).unwrap(), [0; 4]);
}

#[test]
fn pictures_are_in_the_order_of_every_number_in_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a1_2.png", "a1_10.png", "a2_1.png", "a10_1.png", "b1.jpg"];
    for name in names.iter().rev().chain(&["._a1_2.png", "notes.txt"]) {
        std::fs::write(folder.path().join(name), b"").unwrap();
    }
    let found = pictures(folder.path()).unwrap();
    let wanted: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
    assert_eq!(found, wanted);
}

#[test]
fn the_content_decides_and_large_pictures_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    std::fs::write(&path, png(20, 10)).unwrap();
    assert_eq!(read_picture(&path).unwrap().size(), Size::new(20, 10));
    let error = decode(Cursor::new(png(9000, 1))).unwrap_err();
    assert!(error.contains("9000x1 pixels"), "{error}");
    let error = read_picture(folder.path()).unwrap_err().to_string();
    assert!(error.contains("a folder"), "{error}");
    assert!(decode(Cursor::new(b"no picture")).is_err());
    std::fs::write(&path, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n").unwrap();
    let error = read_picture(&path).unwrap_err().to_string();
    assert!(error.contains("a.jpg") && error.contains("git lfs pull"), "{error}");
}
