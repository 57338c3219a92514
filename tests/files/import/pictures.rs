//! Pictures or times that are damaged, and pictures of cameras of 12 bits.

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

#[test]
fn one_damaged_line_of_the_times_leaves_out_one_picture() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let csv = event_lines(&events(&wanted), |e| {
        format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
    });
    let name = |k: usize| format!("{k:06}.png");
    let named = |k: usize, [start, end]: [i64; 2]| match k {
        1 => format!("{},none,\n", name(k)),
        _ => format!("{},{start},{}\n", name(k), end - start),
    };
    let unnamed = |k: usize, [start, end]: [i64; 2]| match k {
        1 => "none\n".to_owned(),
        _ => format!("{start},{end}\n"),
    };
    export(&here.join("named"), &wanted, "name,timestamp_us,exposure_us\n", named);
    export(&here.join("unnamed"), &wanted, "exposure_start_us,exposure_end_us\n", unnamed);
    for from in ["named", "unnamed"] {
        std::fs::write(here.join(from).join("events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
        let set = format!("set-{from}");
        let printed = run(&["import", from, "--out", &set], here).unwrap();
        // The second frame's, after the header.
        let skipped = "000001.png: line 3 of timestamps.csv:";
        assert!(printed.contains(skipped) && printed.contains("2 parts skipped"), "{printed}");
        assert!(printed.contains("000003.png: it has no partner"), "{printed}");
        let made = imported(&here.join(&set));
        let [first, second] = [wanted[0].exposures_us[0], wanted[1].exposures_us[0]];
        assert_eq!((made.len(), made[0].exposures_us), (1, [first, second]), "{from}");
        assert!(made[0].frames == [wanted[0].frames[0].clone(), wanted[1].frames[0].clone()]);
    }
}

#[test]
fn exposures_without_a_gap_do_not_reach_over_a_frame_without_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    // Seven frames, of which the last but two has no time.
    let mut times = String::new();
    for (k, (blurry, ..)) in frames(&wanted).iter().cycle().take(7).enumerate() {
        save(blurry, &here.join(format!("raw/images/{k:06}.png")));
        times += &match k {
            4 => "none\n".to_owned(),
            _ => format!("{}\n", START_US + PERIOD_US * k as i64),
        };
    }
    std::fs::write(here.join("raw/timestamps.txt"), times).unwrap();
    let csv = event_lines(&events(&wanted), |e| {
        format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
    });
    std::fs::write(here.join("raw/events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
    let printed = run(&["import", "raw", "--out", "set", "--contiguous"], here).unwrap();
    // Of 0 to 3 and of 5 and 6, those with two neighbours.
    assert!(printed.contains("000003.png: its exposure is not known"), "{printed}");
    let half = PERIOD_US / 2;
    let around = |k: i64| [-half, half].map(|us| START_US + PERIOD_US * k + us);
    let made = imported(&here.join("set"));
    assert_eq!((made.len(), made[0].exposures_us), (1, [around(1), around(2)]));
}
