#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;

fn parse(file: &str, text: &str) -> Result<FrameTimes, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    std::fs::write(&path, text).unwrap();
    read(&path, &ImportOptions::default()).map_err(|e| e.to_string())
}

#[test]
fn timestamps_exposures_and_names_are_read() {
    let time = |name: Option<&str>, stamp_us, end_us, exposure_us| FrameTime {
        name: name.map(str::to_owned),
        stamp_us,
        end_us,
        exposure_us,
    };
    let cases = [
        (
            "frames.csv",
            "exposure_us,zeit,bild\n400,1000,a.png\n400,2000,b.png\n",
            time(Some("a.png"), 1000, None, Some(400)),
        ),
        ("timestamp.txt", "1000\n2000\n", time(None, 1000, None, None)),
        ("timestamps.txt", "1000 7\n2000 8\n", time(None, 1000, None, None)),
        ("exposures.txt", "1000 1500\n2000 2500\n", time(None, 1000, Some(1500), None)),
        (
            "images.txt",
            "0.001 images/f_0.png\n0.002 images/f_1.png\n",
            time(Some("f_0.png"), 1000, None, None),
        ),
        (
            "frames.csv",
            "name,timestamp_us,exposure_us\na.png,1000,400\nb.png,2000,400\n",
            time(Some("a.png"), 1000, None, Some(400)),
        ),
        ("frames.csv", "t [s],exposure\n0.001,400\n0.002,400\n", time(None, 1000, None, Some(400))),
        ("times.txt", "0 1000\n1 2000\n", time(None, 1000, None, None)),
        ("exposures.txt", "1,1000,1500\n2,2000,2500\n", time(None, 1000, Some(1500), None)),
        (
            "frames.csv",
            "t_us,exposure\n1000,0.0004\n2000,0.0004\n",
            time(None, 1000, None, Some(400)),
        ),
        ("frames.csv", "t_us,exposure\n1000,400.5\n2000,400\n", time(None, 1000, None, Some(401))),
        ("frames.csv", "t_ms,exposure\n1.0,0.4\n2.0,0.4\n", time(None, 1000, None, Some(400))),
        ("frames.csv", "t_ms,exposure\n1.0,4.0\n2.0,4.0\n", time(None, 1000, None, Some(4000))),
        // Two and a half seconds and milliseconds, as far as the next frame allows.
        (
            "frames.csv",
            "t_us,exposure\n1000,2.5\n3001000,2.5\n",
            time(None, 1000, None, Some(2_500_000)),
        ),
        ("frames.csv", "t_us,exposure\n1000,2.5\n34333,2.5\n", time(None, 1000, None, Some(2500))),
        (
            "frames.csv",
            "t [s],exposure\n0.001,9985.6\n0.002,10000.0\n",
            time(None, 1000, None, Some(9986)),
        ),
        (
            "frames.csv",
            "'name','t_us','exposure'\n'a.png',1000,400\n'b.png',2000,400\n",
            time(Some("a.png"), 1000, None, Some(400)),
        ),
        (
            "frames.csv",
            "exposure_start_ms,exposure_end_ms\n1,1.5\n2,2.5\n",
            time(None, 1000, Some(1500), None),
        ),
        (
            "frames.csv",
            "t_us,integration_time_us\n1000,400\n2000,400\n",
            time(None, 1000, None, Some(400)),
        ),
    ];
    for (file, text, first) in cases {
        let FrameTimes { lines, remark } = parse(file, text).unwrap();
        assert_eq!(lines.len(), 2, "{text}: {remark}");
        assert_eq!(lines[0], Ok(first), "{text}: {remark}");
    }
    assert!(parse("frames.csv", "a.png,b\nc.png,d\n").unwrap_err().contains("header"));
}

#[test]
fn a_line_that_is_not_a_time_keeps_its_place() {
    let cases = [
        ("1000\nnone\n3000\n", 2),
        ("1000\n-1\n3000\n", 2),
        ("t\n1000\nnone\n3000\n", 3),
        ("# of the camera\n\n1000\n\nnone\n3000\n", 5),
        ("0 1000\n1 none\n2 3000\n", 2),
        ("0 1000\nnone\n2 3000\n", 2),
        ("1000\rnone\r3000\r", 2),
        ("name,timestamp_us,exposure_us\na.png,1000,400\nb.png,2000\nc.png,3000,400\n", 3),
        (
            "name,timestamp_us,exposure_us\na.png,1000,400\nnone\nc.png,3000,400\nd.png,4000,400\n",
            3,
        ),
    ];
    for (text, number) in cases {
        let FrameTimes { lines, remark } = parse("times.txt", text).unwrap();
        let stamps: Vec<_> = lines.iter().map(|l| l.as_ref().ok().map(|t| t.stamp_us)).collect();
        assert_eq!(stamps[..3], [Some(1000), None, Some(3000)], "{text:?}: {remark}");
        let line = lines[1].as_ref().unwrap_err();
        let place = format!("line {number} of times.txt: ");
        assert!(line.why.starts_with(&place) && line.why.contains("is not a time"), "{line:?}");
        let named = line.name.as_deref().filter(|name| *name != "none");
        assert_eq!(named, text.contains("b.png").then_some("b.png"), "{text:?}");
    }
    let error = parse("t.txt", "t\nnone\nnever\n").unwrap_err();
    assert!(error.contains("no line is a time") && error.contains("\"none\""), "{error}");
    assert!(parse("t.txt", "t,x\n").is_err());
    // Far behind the lines from which the format is guessed.
    let times: String = (0..700).map(|k| format!("{}\n", 1000 * (k + 1))).collect();
    let read = parse("t.txt", &format!("{times}none\n800000\n")).unwrap();
    assert!(read.lines[700].as_ref().unwrap_err().why.starts_with("line 701 of t.txt"));
}

#[test]
fn the_middle_and_the_end_of_exposures_need_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.csv");
    for (header, stamp) in [
        ("mid_timestamp_us,exposure_us", Stamp::Middle),
        ("exposure_us,center [us]", Stamp::Middle),
        ("exposure_end_us,exposure_us", Stamp::End),
    ] {
        let swapped = header.starts_with("exposure_us");
        let row = |t: i64| if swapped { format!("400,{t}\n") } else { format!("{t},400\n") };
        std::fs::write(&path, format!("{header}\n{}{}", row(1000), row(2000))).unwrap();
        let text = read(&path, &ImportOptions::default()).unwrap_err().to_string();
        assert!(text.contains(&format!("add --stamp {}", stamp.name())), "{header}: {text}");
        let options = ImportOptions { stamp, ..ImportOptions::default() };
        let times = read(&path, &options).unwrap();
        let first = times.lines[0].as_ref().unwrap();
        assert_eq!((first.stamp_us, first.exposure_us), (1000, Some(400)), "{header}");
    }
}
