//! An open device node.

use super::{
    EACCES, EAGAIN, EBUSY, EINVAL, ENODEV, FIRST_US, FakeV4l2, NAME, Offer, PADDING, PERIOD_US,
    World, error,
};
use bytemuck::{from_bytes_mut, pod_read_unaligned};
use gem_live::camera::drivers::uvc::v4l2::abi::{
    self, Buffer, Capability, ControlDescription, ControlValue, Format, FormatDescription,
    FrameInterval, FrameSize, MenuItem, Request, RequestBuffers, StreamParameters,
};
use gem_live::camera::drivers::uvc::v4l2::{Mapping, VideoNode};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) struct Node {
    pub(super) fake: FakeV4l2,
    pub(super) index: u32,
    /// Whether the buffers are this handle's.
    pub(super) owns: Mutex<bool>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut world = self.fake.world();
        world.open -= 1;
        if *self.owns.lock().unwrap() {
            world.streaming = false;
            world.buffers.clear();
        }
    }
}

fn bytes_of(format: &Format) -> usize {
    format.bytesperline as usize * format.height as usize
}

fn fill(target: &mut [u8], text: &str) {
    target[..text.len()].copy_from_slice(text.as_bytes());
}

impl Node {
    fn set_format(&self, world: &mut World, format: &mut Format) -> io::Result<()> {
        if world.busy || (!world.buffers.is_empty() && !*self.owns.lock().unwrap()) {
            return Err(error(EBUSY));
        }
        let known = |o: &&Offer| o.0 == format.pixelformat;
        // The kernel's drivers choose something else instead of failing.
        let offer = world.offers.iter().find(known).unwrap_or(&world.offers[0]);
        let wanted = [format.width, format.height];
        let size = *offer.1.iter().find(|s| **s == wanted).unwrap_or(&offer.1[0]);
        let pixel = if offer.0 == abi::GREY { 1 } else { 2 };
        [format.width, format.height, format.pixelformat] = [size[0], size[1], offer.0];
        format.bytesperline = size[0] * pixel + PADDING as u32;
        format.sizeimage = bytes_of(format) as u32;
        world.format = *format;
        Ok(())
    }

    fn dequeue(&self, world: &mut World, buffer: &mut Buffer) -> io::Result<()> {
        if Instant::now() < world.due || !world.streaming {
            return Err(error(EAGAIN));
        }
        let index = world.queued.pop_front().ok_or_else(|| error(EAGAIN))?;
        world.due += Duration::from_micros(PERIOD_US as u64);
        world.sequence += 1 + std::mem::take(&mut world.lose);
        let number = world.sequence;
        let row = world.format.bytesperline as usize;
        // Every pixel holds the frame's number, without colour; the padding holds other bytes.
        let pixel: &[u8] = if world.format.pixelformat == abi::GREY { &[0] } else { &[0, 128] };
        let mut bytes = world.buffers[index as usize].lock().unwrap();
        for row in bytes.chunks_mut(row) {
            let used = row.len() - PADDING;
            for (i, byte) in row.iter_mut().enumerate() {
                let value = if pixel[i % pixel.len()] == 0 { number as u8 } else { 128 };
                *byte = if i < used { value } else { 0xee };
            }
        }
        let us = FIRST_US + i64::from(number) * PERIOD_US;
        buffer.index = index;
        buffer.bytesused = bytes.len() as u32;
        buffer.sequence = number;
        buffer.seconds = (us / 1_000_000) as isize;
        buffer.microseconds = (us % 1_000_000) as isize;
        buffer.flags = world.flags;
        drop(bytes);
        if world.incomplete > 0 {
            world.incomplete -= 1;
            buffer.flags |= abi::FLAG_ERROR;
            buffer.bytesused /= 2;
        }
        Ok(())
    }

    fn describe(world: &World, found: &mut ControlDescription) -> io::Result<()> {
        let (minimum, maximum) = match found.id {
            abi::EXPOSURE_AUTO => (0, 3),
            abi::EXPOSURE_ABSOLUTE => (1, 500),
            abi::GAIN => (0, 255),
            // Known, but not available now.
            abi::AUTOGAIN => {
                found.flags = abi::CONTROL_DISABLED;
                (0, 1)
            }
            _ => return Err(error(EINVAL)),
        };
        (found.minimum, found.maximum, found.step) = (minimum, maximum, 1);
        found.default_value = world.values.get(&found.id).copied().unwrap_or(0);
        Ok(())
    }

    fn set_control(world: &mut World, wanted: ControlValue) -> io::Result<()> {
        if wanted.id == abi::EXPOSURE_ABSOLUTE && world.values[&abi::EXPOSURE_AUTO] == 3 {
            // The automatic control has it.
            return Err(error(EACCES));
        }
        let old = world.values.get_mut(&wanted.id).ok_or_else(|| error(EINVAL))?;
        *old = wanted.value;
        Ok(())
    }
}

impl VideoNode for Node {
    fn call(&self, request: Request, argument: &mut [u8]) -> io::Result<()> {
        assert_eq!(argument.len(), request.opcode_and_size().1, "{request:?}");
        let mut world = self.fake.world();
        let world = &mut *world;
        if !world.present {
            return Err(error(ENODEV));
        }
        match request {
            Request::QueryCapability => {
                let capability = from_bytes_mut::<Capability>(argument);
                fill(&mut capability.driver, world.driver);
                fill(&mut capability.card, NAME);
                capability.capabilities =
                    abi::CAP_CAPTURE | abi::CAP_STREAMING | abi::CAP_DEVICE_CAPS;
                // The camera as a whole captures images; the second file gives only metadata.
                let captures = if self.index == 4 { abi::CAP_CAPTURE } else { 0x0080_0000 };
                capability.device_caps = captures | abi::CAP_STREAMING;
                Ok(())
            }
            Request::EnumFormat => {
                let format = from_bytes_mut::<FormatDescription>(argument);
                assert_eq!(format.kind, abi::CAPTURE);
                let offer = world.offers.get(format.index as usize);
                format.pixelformat = offer.ok_or_else(|| error(EINVAL))?.0;
                Ok(())
            }
            Request::EnumFrameSize => {
                let entry = from_bytes_mut::<FrameSize>(argument);
                let offer = world.offers.iter().find(|o| o.0 == entry.pixel_format);
                let sizes = &offer.ok_or_else(|| error(EINVAL))?.1;
                let size = sizes.get(entry.index as usize).ok_or_else(|| error(EINVAL))?;
                if world.range {
                    entry.kind = 3;
                    entry.size = [16, size[0], 8, 16, size[1], 8];
                } else {
                    entry.kind = abi::DISCRETE;
                    entry.size[..2].copy_from_slice(size);
                }
                Ok(())
            }
            Request::EnumFrameInterval => {
                let entry = from_bytes_mut::<FrameInterval>(argument);
                let offer = world.offers.iter().find(|o| o.0 == entry.pixel_format);
                let rates = &offer.ok_or_else(|| error(EINVAL))?.2;
                let rate = rates.get(entry.index as usize).ok_or_else(|| error(EINVAL))?;
                entry.kind = abi::DISCRETE;
                entry.interval[0] = [1, *rate];
                Ok(())
            }
            Request::GetFormat => {
                *from_bytes_mut::<Format>(argument) = world.format;
                Ok(())
            }
            Request::SetFormat => self.set_format(world, from_bytes_mut(argument)),
            Request::GetParameters | Request::SetParameters => {
                assert_eq!(from_bytes_mut::<StreamParameters>(argument).kind, abi::CAPTURE);
                Ok(())
            }
            Request::RequestBuffers => {
                let wanted = from_bytes_mut::<RequestBuffers>(argument);
                assert_eq!((wanted.kind, wanted.memory), (abi::CAPTURE, abi::MMAP));
                let mut owns = self.owns.lock().unwrap();
                if !world.buffers.is_empty() && !*owns {
                    return Err(error(EBUSY));
                }
                *owns = wanted.count > 0;
                wanted.count = wanted.count.min(4);
                let bytes = bytes_of(&world.format);
                let buffer = |_| Arc::new(Mutex::new(vec![0; bytes]));
                world.buffers = (0..wanted.count).map(buffer).collect();
                world.queued.clear();
                Ok(())
            }
            Request::QueryBuffer => {
                let buffer = from_bytes_mut::<Buffer>(argument);
                let memory = world.buffers.get(buffer.index as usize);
                buffer.length = memory.ok_or_else(|| error(EINVAL))?.lock().unwrap().len() as u32;
                buffer.offset = buffer.index * 4096;
                buffer.flags = world.flags;
                Ok(())
            }
            Request::QueueBuffer => {
                let index = from_bytes_mut::<Buffer>(argument).index;
                assert!((index as usize) < world.buffers.len() && !world.queued.contains(&index));
                world.queued.push_back(index);
                Ok(())
            }
            Request::DequeueBuffer => self.dequeue(world, from_bytes_mut(argument)),
            Request::StreamOn => {
                assert_eq!(pod_read_unaligned::<i32>(argument), abi::CAPTURE as i32);
                world.streaming = true;
                world.sequence = 0;
                world.due = Instant::now();
                Ok(())
            }
            Request::StreamOff => {
                world.streaming = false;
                world.queued.clear();
                Ok(())
            }
            Request::QueryControl => Self::describe(world, from_bytes_mut(argument)),
            Request::QueryMenu => {
                let item = from_bytes_mut::<MenuItem>(argument);
                let known = item.id == abi::EXPOSURE_AUTO && [1, 3].contains(&item.index);
                if known { Ok(()) } else { Err(error(EINVAL)) }
            }
            Request::GetControl => {
                let value = from_bytes_mut::<ControlValue>(argument);
                value.value = *world.values.get(&value.id).ok_or_else(|| error(EINVAL))?;
                Ok(())
            }
            Request::SetControl => Self::set_control(world, pod_read_unaligned(argument)),
        }
    }

    fn map(&self, offset: u32, bytes: usize) -> io::Result<Box<dyn Mapping>> {
        let buffer = self.fake.world().buffers[offset as usize / 4096].clone();
        assert_eq!(buffer.lock().unwrap().len(), bytes);
        Ok(Box::new(Mapped(buffer)))
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let until = Instant::now() + timeout;
        loop {
            {
                let world = self.fake.world();
                let ready = world.streaming && !world.queued.is_empty();
                // As the kernel reports an error as readiness.
                if !world.present || (ready && Instant::now() >= world.due) {
                    return Ok(true);
                }
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

struct Mapped(Arc<Mutex<Vec<u8>>>);

impl Mapping for Mapped {
    fn copy_to(&self, bytes: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.lock().unwrap()[..bytes]);
    }
}
