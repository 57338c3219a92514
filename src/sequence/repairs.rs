//! What was repaired while a recording was read: a count per kind.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// A difference to the format that can be repaired without doubt. The authors' program reads such
/// files too, or the published format allows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// Events that were not in order of time.
    Unordered,
    /// Events beyond the edges of the sensor, which are dropped.
    Outside,
    /// As [`Repair::Outside`], of so many events that the sensor's size is doubtful.
    ManyOutside,
    /// Events whose place or time is not a number, which are dropped.
    Invalid,
    /// Coordinates with a fraction, which is cut off as in the authors' program.
    FractionalPlace,
    /// Event times with a fraction of a microsecond, which is cut off as in the authors' program.
    FractionalTime,
    /// Polarities of -1 that were stored without a sign, as 255 or a larger value.
    WrappedPolarity,
    /// Events in a matrix with four columns instead of a dictionary.
    Matrix,
    /// Events in a structured array instead of a dictionary.
    Records,
    /// Events in arrays beside the images instead of a dictionary.
    TopLevel,
    /// Exposure times and times of sharp images with a fraction of a microsecond, which is cut off.
    FractionalExposure,
    /// Images from 0 to 1, multiplied by 255.
    UnitRange,
    /// Images of floating-point numbers from 0 to 255, rounded.
    Rounded,
    /// Images of more than 8 bits, of which the upper 8 are used.
    DeepImage,
    /// Images of whole numbers from 0 to 255 in a wider type.
    WideImage,
    /// Images as height, width, channels.
    ChannelsLast,
    /// Images without an axis of channels, or with an axis too many.
    Axes,
    /// No scale factor in the file: it follows from the sizes of image and sensor, or is the
    /// configuration's.
    ScaleFactor,
    /// Arrays in a folder of the archive.
    Folder,
}

impl Repair {
    /// Whether data were dropped.
    pub fn drops(self) -> bool {
        matches!(self, Self::Outside | Self::ManyOutside | Self::Invalid)
    }

    fn text(self) -> &'static str {
        match self {
            Self::Unordered => "events sorted by time",
            Self::Outside => "events outside the sensor dropped",
            Self::ManyOutside => {
                "events outside the sensor dropped: is the scale_factor wrong, or are x and y exchanged?"
            }
            Self::Invalid => "events without a finite place or time dropped",
            Self::FractionalPlace => "events with fractional coordinates, cut to whole pixels",
            Self::FractionalTime => "events with fractional times, cut to whole microseconds",
            Self::WrappedPolarity => "polarities of -1 without its sign, such as 255, read",
            Self::Matrix => "events read from a matrix",
            Self::Records => "events read from a structured array",
            Self::TopLevel => "events read from arrays beside the images",
            Self::FractionalExposure => "exposure times with fractions, cut to whole microseconds",
            Self::UnitRange => "images from 0 to 1 multiplied by 255",
            Self::Rounded => "images of floating-point numbers rounded",
            Self::DeepImage => "images of more than 8 bits reduced to 8",
            Self::WideImage => "images of a wider type than bytes converted",
            Self::ChannelsLast => "images read as height, width, channels",
            Self::Axes => "images with other axes than channels, height, width read",
            Self::ScaleFactor => "missing scale_factor found",
            Self::Folder => "folder in the archive entered",
        }
    }
}

/// The repairs of one recording, or of several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    counts: BTreeMap<Repair, u64>,
}

impl Repairs {
    /// Counts repairs of a kind.
    pub fn add(&mut self, repair: Repair, count: u64) {
        if count > 0 {
            let total = self.counts.entry(repair).or_default();
            *total = total.saturating_add(count);
        }
    }

    /// Adds the counts of another recording.
    pub fn merge(&mut self, other: &Self) {
        for (repair, count) in other.iter() {
            self.add(repair, count);
        }
    }

    /// The count of a kind.
    pub fn count(&self, repair: Repair) -> u64 {
        self.counts.get(&repair).copied().unwrap_or(0)
    }

    /// Whether nothing was repaired.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Kinds and counts.
    pub fn iter(&self) -> impl Iterator<Item = (Repair, u64)> {
        self.counts.iter().map(|(repair, count)| (*repair, *count))
    }

    /// Number of events that were dropped.
    pub fn dropped_events(&self) -> u64 {
        self.iter().filter(|(repair, _)| repair.drops()).fold(0, |n, (_, c)| n.saturating_add(c))
    }
}

/// The counts in one line; empty if nothing was repaired.
impl Display for Repairs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, (repair, count)) in self.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{count} {}", repair.text())?;
        }
        Ok(())
    }
}

/// The repairs of several recordings, for a summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairedFiles {
    files: u64,
    repairs: Repairs,
}

impl RepairedFiles {
    /// Adds the repairs of a file; nothing if it needed none.
    pub fn add(&mut self, repairs: &Repairs) {
        if !repairs.is_empty() {
            self.files = self.files.saturating_add(1);
            self.repairs.merge(repairs);
        }
    }

    /// Whether no file was repaired.
    pub fn is_empty(&self) -> bool {
        self.files == 0
    }

    /// Number of repaired files.
    pub fn files(&self) -> u64 {
        self.files
    }
}

/// The summary in one line.
impl Display for RepairedFiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} recordings were repaired while they were read: {}", self.files, self.repairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_are_shown_in_one_line() {
        let mut all = Repairs::default();
        assert!(all.is_empty() && all.to_string().is_empty());
        let mut one = Repairs::default();
        one.add(Repair::Outside, 10);
        one.add(Repair::Unordered, 3);
        one.add(Repair::Matrix, 0);
        all.merge(&one);
        all.merge(&one);
        assert_eq!(
            all.to_string(),
            "6 events sorted by time, 20 events outside the sensor dropped"
        );
        assert_eq!((all.dropped_events(), all.count(Repair::Matrix)), (20, 0));
    }
}
