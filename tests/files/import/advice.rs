//! The command that is advised after an import.

use super::*;

/// Makes an import with `--into into` of recordings in `from`, and runs the command that it advises, as a
/// shell reads it, with `more` options. Returns what that printed.
fn follow(here: &Path, from: &str, into: &str, advice: &str, more: &str) -> String {
    // A name that a shell must not read as it is.
    let out = format!("{from} {into}'s $set");
    let printed = run(&["import", from, "--out", &out, "--into", into], here).unwrap();
    let found = printed.lines().find_map(|line| line.strip_prefix(advice));
    let line = found.unwrap_or_else(|| panic!("no {advice:?} in {printed}"));
    let command = format!("{line} {more}");
    let output = Command::new("sh").args(["-c", &command]).current_dir(here).output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{command}: {printed}");
    printed
}

#[test]
fn the_advised_command_works_as_it_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let known = |_, [start, end]: [i64; 2]| format!("{start},{end}\n");
    for name in ["sharp", "blurry"] {
        export(&here.join(name), &wanted, "exposure_start_us,exposure_end_us\n", known);
        let csv = event_lines(&events(&wanted), |e| {
            format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
        });
        std::fs::write(here.join(name).join("events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
    }
    std::fs::remove_dir_all(here.join("blurry/sharp")).unwrap();
    let test = |from| follow(here, from, "test", "evaluate with: ", "--engine cpu");
    assert!(test("sharp").contains("PSNR"));
    // Without sharp images there is nothing to compare with.
    let printed = test("blurry");
    assert!(printed.contains("pictures in") && !printed.contains("PSNR"), "{printed}");
    // The set has no recording for testing.
    for from in ["sharp", "blurry"] {
        let short = "--minutes 0.0001 --threads 1 --offsets zero";
        let printed = follow(here, from, "train", "train with: ", short);
        assert!(printed.contains("no recording to validate on"), "{printed}");
    }
}
