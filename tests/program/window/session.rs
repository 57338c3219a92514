//! The wipe, a recording and the library in one session.

use super::*;

#[test]
#[ignore = "needs Xvfb, xdotool and ImageMagick"]
fn tools_the_wipe_recording_and_library_work_in_one_session() {
    // Recordings go into a temporary folder and run until they are stopped.
    let settings = r#"{"open_ended": true, "folder": "FOLDER/recordings", "scene": "drive"}"#;
    let driven = Driven::open(":84", settings, &["live", "--source", "sim"]);
    let middle = [330, 120, 580, 320];
    wait("a picture", || colourful(&driven.shot(), LEFT) > 5000);

    // The wipe fills the centre; while paused, only the test's input changes the picture.
    wait("the wipe's divider", || {
        // A key press is lost if the window does not have the focus yet.
        driven.key("2");
        line_at(&driven.shot(), 620)
    });
    driven.key("space");
    let before = driven.still(middle);
    assert!(sharpness_of(&before, middle) > 0.0);

    // Another instant of the paused exposure changes the restored part and not the blurry one. Where
    // the camera stands still, only the wheel at the lower right of the scene moves.
    let (blurry, wheel) = ([330, 120, 270, 100], [640, 110, 200, 330]);
    wait("another instant", || {
        driven.key("period");
        part(&driven.shot(), wheel) != part(&before, wheel)
    });
    let scrubbed = driven.still(middle);
    assert!(part(&scrubbed, blurry) == part(&before, blurry));

    wait("the divider at its new place", || {
        // A slow machine draws few frames; it must see the press before the motion.
        let shot = driven.shot();
        let from = (300..940).find(|x| line_at(&shot, *x)).unwrap_or(620).to_string();
        for step in [&["mousemove", &from, "268"][..], &["mousedown", "1"]] {
            driven.pointer(step);
            std::thread::sleep(Duration::from_millis(500));
        }
        for x in ["720", "800", "860"] {
            driven.pointer(&["mousemove", x, "268"]);
            std::thread::sleep(Duration::from_millis(300));
        }
        driven.pointer(&["mouseup", "1"]);
        std::thread::sleep(Duration::from_millis(500));
        driven.pointer(&["mousemove", "620", "700"]);
        line_at(&driven.shot(), 860)
    });
    // Left of the old divider nothing changed. Between it and the new one, restored became blurry.
    let wiped = driven.still(middle);
    assert!(part(&wiped, blurry) == part(&scrubbed, blurry));
    assert!(part(&wiped, wheel) != part(&scrubbed, wheel));

    // Recorded until the same key stops it; the manifest then states how it ended.
    driven.key("r");
    let recordings = driven.folder.path().join("recordings");
    wait("some pairs", || npz_files(&recordings) >= 2);
    assert_eq!(endings(&recordings), [""], "it is still running");
    driven.key("r");
    wait("the end of the recording", || endings(&recordings) == ["requested"]);
    let pairs = npz_files(&recordings);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(npz_files(&recordings), pairs, "nothing is written after the end");

    // The library shows its thumbnail in colour.
    driven.key("b");
    let list = [942, 176, 92, 58];
    wait("a thumbnail", || colourful(&driven.shot(), list) > 300);

    let folder = driven.quit();
    let settings = std::fs::read_to_string(folder.path().join("gem-live/settings.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    assert_eq!(settings["view"], "wipe");
    assert_eq!(settings["tab"], "library");
    assert!(settings["divider"].as_f64().unwrap() > 0.6, "{settings}");
}

/// Folders of all sequences.
fn sequences(recordings: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(recordings).into_iter().flatten().flatten();
    found.map(|s| s.path()).filter(|s| s.is_dir()).collect()
}

/// Number of pairs in all sequences.
fn npz_files(recordings: &Path) -> usize {
    let all = sequences(recordings).into_iter().flat_map(|s| std::fs::read_dir(s).unwrap());
    let files = all.flatten().filter(|f| f.path().extension().is_some_and(|e| e == "npz"));
    // The name of a file that is being written starts with a dot.
    files.filter(|f| !f.file_name().to_string_lossy().starts_with('.')).count()
}

/// How each sequence ended; empty for one that has not ended.
fn endings(recordings: &Path) -> Vec<String> {
    let ending = |s: &PathBuf| {
        let text = std::fs::read(s.join("session.json")).unwrap_or_default();
        let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        manifest["progress"]["ending"].as_str().unwrap_or_default().to_owned()
    };
    sequences(recordings).iter().map(ending).collect()
}
