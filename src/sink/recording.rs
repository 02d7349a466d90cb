//! Writes recordings, version 1, so that a kill loses no more than the last second.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::audit::seen::Stream;
use crate::redact::Redactor;
use crate::source::recording::VERSION;
use crate::source::{Change, Seen};

const FLUSH_EVERY: Duration = Duration::from_secs(1);
const FLUSH_LINES: u32 = 1000;

/// What of the objects goes into a recording.
#[derive(Debug, Clone)]
pub enum Contents {
    /// What the redactor keeps.
    Redacted(Redactor),
    /// Everything, commands and messages included.
    Raw,
}

/// Why a recording cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("write recording {}: {source}", path.display())]
pub struct RecorderError {
    path: PathBuf,
    source: io::Error,
}

/// A recording being written.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    output: Output,
    contents: Contents,
    unflushed_lines: u32,
    flushed_at: Instant,
}

#[derive(Debug)]
enum Output {
    Plain(BufWriter<File>),
    Compressed(GzEncoder<BufWriter<File>>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Header<'a> {
    recording: &'a str,
    server: Option<&'a str>,
    redacted: bool,
    digest_key: Option<String>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    at: Time,
    resource: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(rename = "type")]
    change: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<T>,
}

/// RFC 3339 with nine digits of a second.
struct Time(Timestamp);

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.9}", self.0))
    }
}

impl Recorder {
    /// Creates the file, compressed if its name ends in `.gz`, and writes the header.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub fn create(
        path: impl AsRef<Path>,
        server: Option<&str>,
        contents: Contents,
    ) -> Result<Self, RecorderError> {
        let path = path.as_ref();
        let file = File::create(path).map_err(|source| RecorderError {
            path: path.to_owned(),
            source,
        })?;
        let file = BufWriter::new(file);
        let is_gz = path.extension().is_some_and(|extension| extension == "gz");
        let output = if is_gz {
            Output::Compressed(GzEncoder::new(file, Compression::default()))
        } else {
            Output::Plain(file)
        };
        let digest_key = match &contents {
            Contents::Redacted(redactor) => Some(redactor.key().fingerprint()),
            Contents::Raw => None,
        };
        let header = Header {
            recording: VERSION,
            server,
            redacted: matches!(contents, Contents::Redacted(_)),
            digest_key,
        };
        let mut writer = Self {
            path: path.to_owned(),
            output,
            contents,
            unflushed_lines: 0,
            flushed_at: Instant::now(),
        };
        writer.line(&header)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Writes what was seen, as of the time at which it was handled. A further observation of an
    /// object that is already written adds nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, at: Timestamp, seen: &Seen) -> Result<(), RecorderError> {
        match (seen.change, &seen.raw) {
            (Change::Added | Change::Modified | Change::Deleted, Some(raw)) => {
                self.object(at, &seen.stream, seen.change, raw)
            }
            (Change::Added | Change::Modified | Change::Deleted, None) => Ok(()),
            (Change::Tick, _) => self.tick(at),
            (Change::Bookmark | Change::Synced | Change::Relist, _) => self.line(&Line::<()> {
                at: Time(at),
                resource: seen.stream.resource.as_str(),
                stream: seen.stream.selector.as_deref(),
                change: seen.change.as_str(),
                object: None,
            }),
        }
    }

    /// Writes that only time moved.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn tick(&mut self, at: Timestamp) -> Result<(), RecorderError> {
        self.line(&Line::<()> {
            at: Time(at),
            resource: "clock",
            stream: None,
            change: Change::Tick.as_str(),
            object: None,
        })
    }

    /// Hands everything written so far to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> Result<(), RecorderError> {
        self.unflushed_lines = 0;
        self.flushed_at = Instant::now();
        let flushed = match &mut self.output {
            Output::Plain(file) => file.flush(),
            Output::Compressed(encoder) => encoder.flush(),
        };
        flushed.map_err(|source| self.error(source))
    }

    /// Ends the file as a whole one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self) -> Result<(), RecorderError> {
        let Self { path, output, .. } = self;
        let finished = match output {
            Output::Plain(mut file) => file.flush(),
            Output::Compressed(encoder) => encoder.finish().and_then(|mut file| file.flush()),
        };
        finished.map_err(|source| RecorderError { path, source })
    }

    fn object(
        &mut self,
        at: Timestamp,
        stream: &Stream,
        change: Change,
        raw: &RawValue,
    ) -> Result<(), RecorderError> {
        let Contents::Redacted(redactor) = &self.contents else {
            return self.object_line(at, stream, change, raw);
        };
        let object = serde_json::from_str(raw.get()).unwrap_or(Value::Null);
        let object = redactor.object(stream.resource, &object);
        self.object_line(at, stream, change, &object)
    }

    fn object_line(
        &mut self,
        at: Timestamp,
        stream: &Stream,
        change: Change,
        object: &(impl Serialize + ?Sized),
    ) -> Result<(), RecorderError> {
        let look_up = stream.selector.as_deref().filter(|_| stream.is_look_up());
        self.line(&Line {
            at: Time(at),
            resource: stream.resource.as_str(),
            stream: look_up,
            change: change.as_str(),
            object: Some(object),
        })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), RecorderError> {
        let written = match &mut self.output {
            Output::Plain(file) => write_line(file, line),
            Output::Compressed(encoder) => write_line(encoder, line),
        };
        written.map_err(|source| self.error(source))?;
        self.unflushed_lines += 1;
        if self.unflushed_lines >= FLUSH_LINES || self.flushed_at.elapsed() >= FLUSH_EVERY {
            self.flush()?;
        }
        Ok(())
    }

    fn error(&self, source: io::Error) -> RecorderError {
        RecorderError {
            path: self.path.clone(),
            source,
        }
    }
}

fn write_line(output: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    // A line break inside JSON can only be white space, which an object taken as it came may hold.
    for byte in &mut text {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    text.push(b'\n');
    output.write_all(&text)
}

#[cfg(test)]
mod tests;
