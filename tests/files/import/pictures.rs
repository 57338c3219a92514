//! Pictures that are damaged, and pictures of cameras of 12 bits.

use super::*;

/// Writes a gray picture of 16 bits with one sample that is brighter than the others.
fn save_wide(path: &Path, brightest: u16) {
    let mut samples = vec![256_u16; SIZE.area()];
    samples[0] = brightest;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let (w, h) = (SIZE.width as u32, SIZE.height as u32);
    image::ImageBuffer::<image::Luma<u16>, _>::from_raw(w, h, samples).unwrap().save(path).unwrap();
}

/// An export of eight frames; the first picture is damaged.
fn export_wide(folder: &Path, brightest: impl Fn(usize) -> u16, sharpest: u16) {
    let (mut times, mut events) = (String::new(), "t,x,y,p\n".to_owned());
    for k in 0..8 {
        let [start, end] = [0, EXPOSURE_US].map(|t| START_US + PERIOD_US * k as i64 + t);
        times += &format!("{start},{end}\n");
        (0..20).for_each(|i| events += &format!("{},{i},{i},{}\n", start + 500 * i, i % 2));
        save_wide(&folder.join(format!("images/{k:06}.png")), brightest(k));
        save_wide(&folder.join(format!("sharp/{k:06}.png")), sharpest);
    }
    std::fs::write(folder.join("images/000000.png"), b"damaged").unwrap();
    let times = format!("exposure_start_us,exposure_end_us\n{times}");
    std::fs::write(folder.join("timestamps.csv"), times).unwrap();
    std::fs::write(folder.join("events.csv"), events).unwrap();
}

#[test]
fn a_damaged_first_picture_ends_nothing_and_one_bright_picture_decides_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Only the sixth picture, or only the sharp ones, use the twelfth bit.
    for (name, sixth, sharpest) in [("blurry", 4095, 700), ("sharp", 700, 4095)] {
        export_wide(&here.join(name), |k| if k == 5 { sixth } else { 700 }, sharpest);
        let set = format!("set-{name}");
        let printed = run(&["import", name, "--out", &set], here).unwrap();
        assert!(printed.contains("samples up to 4095: 12 bits"), "{printed}");
        assert!(printed.contains("3 pairs in") && printed.contains("000000.png"), "{printed}");
        for pair in imported(&here.join(&set)) {
            // 256 of 4096.
            assert!(pair.frames.iter().all(|frame| frame.plane(0)[1] == 16), "{name}");
            let truth = pair.truth.unwrap();
            assert!(truth.images.iter().all(|image| image.plane(0)[1] == 16), "{name}");
        }
    }
}
