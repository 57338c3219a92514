//! What the user states about a recording: which camera of it to play, and what its file leaves
//! open.

use crate::image::Size;
use std::ffi::OsStr;
use std::path::Path;

/// What the user states about a recording. Options that a format has no use for are an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayOptions {
    /// Name of the camera to play, or a part of the name, where there are several.
    pub camera: Option<String>,
    /// Exposure time of frames that state none, in microseconds.
    pub exposure_us: Option<i64>,
    /// Size of the event sensor, in place of the one that the file states.
    pub sensor: Option<Size>,
    /// Bits that samples of 16-bit frames use.
    pub bits: Option<u32>,
}

/// The longest exposure that is supported, in microseconds.
pub const MAX_EXPOSURE_US: i64 = 10_000_000;

impl ReplayOptions {
    /// Splits `PATH,camera=NAME,exposure_us=N,sensor=WxH,bits=N` into the path and the options, of
    /// which any may be left out. A comma that begins no option belongs to the path.
    ///
    /// # Errors
    /// A value cannot be used: what is expected.
    pub fn split(argument: &OsStr) -> Result<(&Path, Self), String> {
        let (bytes, mut options) = (argument.as_encoded_bytes(), Self::default());
        let mut end = bytes.len();
        while let Some(comma) = bytes.get(..end).and_then(|b| b.iter().rposition(|b| *b == b',')) {
            let last = bytes.get(comma + 1..end).and_then(|b| std::str::from_utf8(b).ok());
            let Some((key, value)) = last.and_then(|text| text.split_once('=')) else { break };
            if !options.set(key, value)? {
                break;
            }
            end = comma;
        }
        Ok((start_of(argument, end), options))
    }

    /// Refuses the options that a format has no use for: all but these.
    ///
    /// # Errors
    /// One of them is given; the text names it.
    pub(super) fn refuse_all_but(&self, used: &[&str]) -> Result<(), String> {
        let given = [
            ("camera", self.camera.is_some()),
            ("exposure_us", self.exposure_us.is_some()),
            ("sensor", self.sensor.is_some()),
            ("bits", self.bits.is_some()),
        ];
        match given.iter().find(|(name, given)| *given && !used.contains(name)) {
            Some((name, _)) => {
                Err(format!("{name}= has no effect on a recording of this format: leave it out"))
            }
            None => Ok(()),
        }
    }

    /// Sets an option by its name; `false` if there is none of that name.
    fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "camera" if value.is_empty() => return Err("camera= needs the camera's name".into()),
            "camera" => self.camera = Some(value.to_owned()),
            "exposure_us" => {
                let us = value.parse().ok().filter(|us| (1..=MAX_EXPOSURE_US).contains(us));
                let why = || format!("exposure_us= needs microseconds, 1 to {MAX_EXPOSURE_US}");
                self.exposure_us = Some(us.ok_or_else(why)?);
            }
            "sensor" => {
                let sides = value.split_once('x').map(|(w, h)| (w.parse().ok(), h.parse().ok()));
                let Some((Some(width @ 1..), Some(height @ 1..))) = sides else {
                    return Err("sensor= needs the event sensor's size, such as 346x260".into());
                };
                self.sensor = Some(Size::new(width, height));
            }
            "bits" => {
                let bits = value.parse().ok().filter(|bits| (8..=16).contains(bits));
                self.bits = Some(bits.ok_or("bits= needs a number from 8 to 16")?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The part of a path before a comma.
fn start_of(path: &OsStr, end: usize) -> &Path {
    if let Some(start) = path.to_str().and_then(|text| text.get(..end)) {
        return Path::new(start);
    }
    // A path need not be text.
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        if let Some(start) = path.as_bytes().get(..end) {
            return Path::new(OsStr::from_bytes(start));
        }
    }
    Path::new(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn options_are_split_from_the_path_and_other_commas_are_not() {
        let split = |text: &'static str| ReplayOptions::split(text.as_ref()).unwrap();
        let plain = (Path::new("a,b=c/x.aedat4"), ReplayOptions::default());
        assert_eq!(split("a,b=c/x.aedat4"), plain);
        let (path, options) = split("a,b/x.aedat4,camera=DAVIS346_1,exposure_us=9000");
        assert_eq!(path, Path::new("a,b/x.aedat4"));
        assert_eq!(options.camera.as_deref(), Some("DAVIS346_1"));
        assert_eq!((options.exposure_us, options.sensor), (Some(9000), None));
        let (_, options) = split("x,sensor=346x260,bits=12");
        assert_eq!((options.sensor, options.bits), (Some(Size::new(346, 260)), Some(12)));
        for bad in ["x,camera=", "x,exposure_us=0", "x,exposure_us=1s", "x,sensor=346", "x,bits=7"]
        {
            assert!(ReplayOptions::split(bad.as_ref()).is_err(), "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn options_follow_a_path_that_is_no_text() {
        use std::os::unix::ffi::OsStrExt;
        let argument = OsStr::from_bytes(b"b\xfcro.aedat4,exposure_us=9000");
        let (path, options) = ReplayOptions::split(argument).unwrap();
        assert_eq!(path.as_os_str().as_bytes(), b"b\xfcro.aedat4");
        assert_eq!(options.exposure_us, Some(9000));
    }
}
