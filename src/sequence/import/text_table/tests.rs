#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;

#[test]
fn numbers_keep_their_digits_and_units_are_guessed() {
    let us = |text, unit| Number::parse(text).unwrap().us(unit);
    assert_eq!(us("1700000000123456789", TimeUnit::Nanoseconds), 1_700_000_000_123_456);
    assert_eq!(us("1700000000.123457", TimeUnit::Seconds), 1_700_000_000_123_457);
    assert_eq!(us("3", TimeUnit::Milliseconds), 3000);
    assert!(Number::parse("nan").is_none() && Number::parse("x.png").is_none());
    let guess =
        |texts: &[&str]| guess_unit(texts.iter().map(|t| Number::parse(t).unwrap().value()));
    assert_eq!(guess(&["0.5", "1.25"]), TimeUnit::Seconds);
    assert_eq!(guess(&["1700000000.5"]), TimeUnit::Seconds);
    assert_eq!(guess(&["500", "1250"]), TimeUnit::Microseconds);
    assert_eq!(guess(&["1700000000123456"]), TimeUnit::Microseconds);
    assert_eq!(guess(&["1700000000123456789"]), TimeUnit::Nanoseconds);
    assert_eq!(unit_in_name("t_us"), Some(TimeUnit::Microseconds));
    assert_eq!(unit_in_name("timestamp [ms]"), Some(TimeUnit::Milliseconds));
    assert_eq!(unit_in_name("ts"), None);
    assert_eq!(unit_in_name("s"), None);
}

#[test]
fn headers_sizes_and_separators_are_distinguished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.txt");
    let open = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Table::open(&path).unwrap()
    };
    let mut plain = open("240 180\n0.1 3 4 1\n0.2 5 6 0\n");
    assert_eq!((plain.size, plain.names.is_none()), (Some((240, 180)), true));
    assert_eq!(plain.row(&path).unwrap().unwrap(), ["0.1", "3", "4", "1"]);
    assert_eq!(plain.row(&path).unwrap().unwrap(), ["0.2", "5", "6", "0"]);
    assert!(plain.row(&path).unwrap().is_none());
    let named = open("\"T_us\", X ,y,P\r\n1,2,3,1\r\n\r\n4,5,6,0\r\n");
    assert_eq!(named.names.unwrap(), ["t_us", "x", "y", "p"]);
    assert_eq!(named.sample.len(), 2);
    let foreign = folder.path().join("latin1.csv");
    std::fs::write(&foreign, b"# Gr\xf6\xdfe\nt,x,y,p\n1,2,3,1\n").unwrap();
    assert_eq!(Table::open(&foreign).unwrap().sample.len(), 1);
    std::fs::write(&foreign, vec![b'1'; 1 << 17]).unwrap();
    let error = Table::open(&foreign).err().unwrap().to_string();
    assert!(error.contains("latin1.csv") && error.contains("65536 bytes"), "{error}");
    std::fs::write(&foreign, [0xff, 0xfe, b't', 0]).unwrap();
    assert!(Table::open(&foreign).err().unwrap().to_string().contains("UTF-16"));
    let mut comma = open("t;x;y;p\n0,5;3;4;1\n0,75;'5';6;0\n1;a,b;6;0\n");
    assert_eq!(comma.names.as_ref().unwrap(), &["t", "x", "y", "p"]);
    assert_eq!(comma.row(&path).unwrap().unwrap(), ["0.5", "3", "4", "1"]);
    assert_eq!(comma.row(&path).unwrap().unwrap(), ["0.75", "'5'", "6", "0"]);
    assert_eq!(comma.row(&path).unwrap().unwrap(), ["1", "a,b", "6", "0"]);
    assert_eq!(Number::parse("'5'"), Some(Number::Int(5)));
    let mut tabs = open("time [s]\tx\ty\tp\n0,5\t3\t4\t1\n0,75\t5\t6\t0\n");
    assert_eq!(tabs.names.as_ref().unwrap(), &["time [s]", "x", "y", "p"]);
    assert_eq!(tabs.row(&path).unwrap().unwrap(), ["0.5", "3", "4", "1"]);
    // Here they only align the columns.
    let mut aligned = open("t,\tx,\ty,\tp\n1,\t3,\t4,\t1\n2,\t5,\t6,\t0\n");
    assert_eq!(aligned.row(&path).unwrap().unwrap(), ["1", "3", "4", "1"]);
    for (bytes, way) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"[..], "git lfs pull"),
        (&b"\x1f\x8b\x08\x00\x00"[..], "unpack it"),
    ] {
        std::fs::write(&foreign, bytes).unwrap();
        let error = Table::open(&foreign).err().unwrap().to_string();
        assert!(error.contains("latin1.csv") && error.contains(way), "{error}");
    }
    let percent = open("% t x y p\n1 2 3 1\n4 5 6 0\n");
    assert_eq!((percent.names.unwrap().len(), percent.sample.len()), (4, 2));
    let commented = open("# file of events\n# t x y p\n1 2 3 1\n");
    assert_eq!(commented.names.unwrap(), ["t", "x", "y", "p"]);
}
