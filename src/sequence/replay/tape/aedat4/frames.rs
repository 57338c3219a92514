//! Frames of a file as packets.

use super::Recording;
use super::geometry::{PlacedFrame, Unusable};
use super::plan::{Content, EVENT_MARGIN_US, Step};
use crate::camera::{DropCause, DropUnit, FramePacket, FrameTiming, Packet};
use crate::formats::aedat4::{Aedat4Frame, Part, SampleType, White};
use crate::sequence::replay::tape::timeline::{ScheduledPacket, TapeError};
use crate::time::Timestamp;

impl Recording {
    /// Passes on a frame. Returns `false` if it went back, to read its events again first.
    pub(super) fn frame(&mut self, step: &Step, number: usize) -> Result<bool, TapeError> {
        if number < self.from_frame {
            return Ok(true);
        }
        let Some(Part::Frame(frame)) = self.read(step)? else {
            self.count(DropCause::Malformed, DropUnit::Frames, 1);
            return Ok(true);
        };
        let PlacedFrame { region, exposure } = match self.setup.grids.place(&frame.head) {
            Ok(placed) => placed,
            // No frame of the camera.
            Err(Unusable::Source(_)) => return Ok(true),
            Err(why) => {
                self.count(DropCause::Malformed, DropUnit::Frames, 1);
                self.warn(format!("some frames cannot be used: {why}"));
                return Ok(true);
            }
        };
        let Some(picture) = self.picture(&frame) else {
            self.count(DropCause::Malformed, DropUnit::Frames, 1);
            self.warn("some frames do not have all of their pixels".to_owned());
            return Ok(true);
        };
        if region != self.region {
            // The events of its exposure were cut to another region: they are read again.
            self.region = region;
            self.warn(format!(
                "frames change to {} pixels at ({}, {}) of the event sensor",
                region.size, region.x, region.y
            ));
            self.reposition(number);
            return Ok(false);
        }
        let sequence = self.sent;
        self.sent += 1;
        let packet = Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence,
            timing: FrameTiming::Events {
                start: Timestamp::from_us(exposure.from_us),
                end: Timestamp::from_us(exposure.until_us),
            },
            arrived: Timestamp::now(),
            picture,
            truth: None,
            contrast: None,
        });
        let at_us = self.plan.time_us(step.segment, exposure.until_us);
        self.ready.push_back(ScheduledPacket { at_us, frame: Some(number), packet });
        Ok(true)
    }

    fn picture(&mut self, frame: &Aedat4Frame) -> Option<crate::image::ImageU8> {
        let (depth, _) = frame.head.samples()?;
        if depth == SampleType::U8 {
            return frame.picture(White::EIGHT_BITS);
        }
        let known = self.setup.whites.iter().find(|(known, _)| *known == depth).map(|(_, w)| *w);
        let white = match known {
            Some(white) => white,
            // No frame of this type was among those that were looked at.
            None => White::of(depth, frame.max()?)?,
        };
        if known.is_some_and(|white| frame.max().is_some_and(|max| white.clips(max))) {
            self.warn(format!(
                "some frames are brighter than {} bits, and are clipped: use ,bits=16",
                white.bit_count()
            ));
        }
        frame.picture(white)
    }

    /// Continues with this frame: before it, with its events, in a new epoch.
    pub(super) fn reposition(&mut self, frame: usize) {
        let target = self.plan.frames.get(frame).copied();
        let start = target.and_then(|target| {
            // The earlier position: the frame or the first of its events.
            let is_start = |s: &Step| {
                let events = matches!(s.content, Content::Events(_));
                s.segment == target.segment
                    && (s.at == target.at
                        || (events && s.until_us >= target.t_us.saturating_sub(EVENT_MARGIN_US)))
            };
            self.plan.steps.iter().position(is_start)
        });
        self.at = start.unwrap_or(0);
        let segment = target.map_or(0, |target| target.segment);
        self.begin_epoch(segment);
        (self.from_frame, self.finished) = (frame, false);
    }
}
