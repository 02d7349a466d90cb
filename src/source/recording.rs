//! Reads recordings, version 1: one JSON object per line, plain or compressed.

mod lines;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::lines::{FileName, Line, Lines};
use super::Change;
use super::translate::{Presence, Translator};
use crate::audit::observation::Observation;
use crate::audit::seen::{Resource, Stream};

/// Characters shown of a version that is not known.
const VERSION_SHOWN: usize = 64;

/// The first line's `recording` of the version that is read and written here.
pub const VERSION: &str = "hookaudit.io/v1";

/// How the first line of a recording begins, wherever it was cut.
const HEADER_START: &str = "{\"recording\":\"hookaudit.io/v1\"";

/// Why a recording cannot be read, or not to its end. A file that was only cut short is no error.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("open {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{}: the file is empty: name a file that `hookaudit record` wrote", path.display())]
    Empty { path: PathBuf },
    #[error("{}:1: not a recording: name a file that `hookaudit record` wrote", path.display())]
    Foreign { path: PathBuf },
    #[error("{}:1: recording format {version:?} is not known: use the hookaudit that wrote it", path.display())]
    Version { path: PathBuf, version: String },
    #[error("{}:{line}: {damage}: the file is damaged, record again or remove the line", path.display())]
    Corrupted {
        path: PathBuf,
        line: u64,
        damage: Damage,
    },
    #[error("read {}:{line}: {source}", path.display())]
    Read {
        path: PathBuf,
        line: u64,
        source: io::Error,
    },
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("not JSON")]
    Json,
    #[error("not an entry of a recording")]
    Entry,
    #[error("`at` is not a time")]
    Time,
    #[error("longer than {} MiB", lines::MAX_LINE_BYTES >> 20)]
    Length,
    #[error("the compressed data is corrupt")]
    Compression,
}

/// The first line of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Header {
    /// The API server's version.
    pub server: Option<String>,
    pub redacted: Option<bool>,
    /// Names the key of the digests: they are comparable where it is equal.
    pub digest_key: Option<String>,
}

/// One observation of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line it stands on, from 1.
    pub line: u64,
    /// When it was handled; never before the entry that precedes it.
    pub at: Timestamp,
    pub observation: Observation,
}

/// What was met while reading and is worth a word to the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notices {
    /// The line in which the file was cut short; all lines before it were read.
    pub cut_short_in_line: Option<u64>,
    /// Lines of a resource or type that this version does not know.
    pub unknown_lines: u64,
    /// Lines whose time lay before the line above; they count as of the latest time so far.
    pub backward_lines: u64,
}

/// A recording, read line by line.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    header: Header,
    lines: Lines<BufReader<io::Take<File>>>,
    translator: Translator,
    waiting: VecDeque<Entry>,
    latest: Option<Timestamp>,
    notices: Notices,
    is_over: bool,
}

impl Recording {
    /// Opens a recording whose commands, if it is raw, are digested with a known key.
    ///
    /// # Errors
    /// The file cannot be read, or does not begin as a recording of this version does.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        Self::open_with(path, Translator::default())
    }

    /// Opens a recording whose commands, if it is raw, are digested by this translator.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        path: impl AsRef<Path>,
        translator: Translator,
    ) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let open_error = |source| RecordingError::Open {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(open_error)?;
        let length = lines::written_bytes(&mut file).unwrap_or(u64::MAX);
        let name = match path.extension() {
            Some(extension) if extension == "gz" => FileName::Gz,
            _ => FileName::Other,
        };
        let mut recording = Self {
            path: path.to_owned(),
            header: Header::default(),
            lines: Lines::new(BufReader::new(file.take(length)), name).map_err(open_error)?,
            translator,
            waiting: VecDeque::new(),
            latest: None,
            notices: Notices::default(),
            is_over: false,
        };
        recording.read_header()?;
        Ok(recording)
    }

    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What was met so far; complete once the entries are used up.
    #[must_use]
    pub const fn notices(&self) -> &Notices {
        &self.notices
    }

    fn read_header(&mut self) -> Result<(), RecordingError> {
        #[derive(Deserialize)]
        struct FirstLine {
            recording: String,
            #[serde(flatten)]
            header: Header,
        }
        let path = || self.path.clone();
        let text = match self.lines.next_line() {
            Ok(Line::Whole(text)) => text,
            Ok(Line::End) => return Err(RecordingError::Empty { path: path() }),
            Ok(Line::CutShort(start)) => {
                let length = start.len().min(HEADER_START.len());
                if start[..length] != HEADER_START.as_bytes()[..length] {
                    return Err(RecordingError::Foreign { path: path() });
                }
                self.cut_short(1);
                return Ok(());
            }
            Err(lines::LineError::Read(source)) => {
                return Err(RecordingError::Read {
                    path: path(),
                    line: 1,
                    source,
                });
            }
            Err(lines::LineError::Damaged(Damage::Compression)) => {
                return Err(self.corrupted(1, Damage::Compression));
            }
            Err(lines::LineError::Damaged(_)) => {
                return Err(RecordingError::Foreign { path: path() });
            }
        };
        let first: FirstLine =
            serde_json::from_str(text).map_err(|_| RecordingError::Foreign { path: path() })?;
        if first.recording != VERSION {
            return Err(RecordingError::Version {
                path: path(),
                version: first.recording.chars().take(VERSION_SHOWN).collect(),
            });
        }
        self.header = first.header;
        Ok(())
    }

    /// Reads lines until one gives an entry or the file ends.
    fn read_entries(&mut self) -> Result<(), RecordingError> {
        while self.waiting.is_empty() && !self.is_over {
            let line = self.lines.number() + 1;
            let text = match self.lines.next_line() {
                Ok(Line::Whole(text)) => text,
                Ok(Line::End) => {
                    self.is_over = true;
                    break;
                }
                Ok(Line::CutShort(_)) => {
                    self.cut_short(line);
                    break;
                }
                Err(lines::LineError::Damaged(damage)) => return Err(self.corrupted(line, damage)),
                Err(lines::LineError::Read(source)) => {
                    return Err(RecordingError::Read {
                        path: self.path.clone(),
                        line,
                        source,
                    });
                }
            };
            let read = read_line(text, &self.translator);
            self.take(line, read)?;
        }
        Ok(())
    }

    fn take(&mut self, line: u64, read: Result<Read, Damage>) -> Result<(), RecordingError> {
        let Read { at, observations } = read.map_err(|damage| self.corrupted(line, damage))?;
        let latest = self.latest.map_or(at, |latest| latest.max(at));
        self.notices.backward_lines += u64::from(latest > at);
        self.latest = Some(latest);
        match observations {
            None => self.notices.unknown_lines += 1,
            Some(observations) => {
                let entry = |observation| Entry {
                    line,
                    at: latest,
                    observation,
                };
                self.waiting.extend(observations.into_iter().map(entry));
            }
        }
        Ok(())
    }

    fn cut_short(&mut self, line: u64) {
        self.notices.cut_short_in_line = Some(line);
        self.is_over = true;
    }

    fn corrupted(&self, line: u64, damage: Damage) -> RecordingError {
        RecordingError::Corrupted {
            path: self.path.clone(),
            line,
            damage,
        }
    }
}

impl Iterator for Recording {
    type Item = Result<Entry, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.waiting.is_empty()
            && let Err(error) = self.read_entries()
        {
            self.is_over = true;
            return Some(Err(error));
        }
        self.waiting.pop_front().map(Ok)
    }
}

struct Read {
    at: Timestamp,
    /// `None` where the resource or the type is not known.
    observations: Option<Vec<Observation>>,
}

fn read_line(text: &str, translator: &Translator) -> Result<Read, Damage> {
    #[derive(Deserialize)]
    struct EntryLine<'a> {
        at: String,
        resource: String,
        #[serde(rename = "type")]
        change: String,
        stream: Option<String>,
        #[serde(borrow)]
        object: Option<&'a RawValue>,
    }
    let entry: EntryLine<'_> = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            Damage::Entry
        } else {
            Damage::Json
        }
    })?;
    let at = entry.at.parse().map_err(|_| Damage::Time)?;
    let change = Change::parse(&entry.change);
    let resource = Resource::parse(&entry.resource);
    let stream = |resource| Stream {
        resource,
        selector: entry.stream.as_deref().map(Into::into),
    };
    let object = |resource, presence| {
        let json = entry.object.map_or("null", RawValue::get);
        let translation = translator.object(resource, presence, json);
        let is_look_up = stream(resource).is_look_up();
        let as_found = |observation| match observation {
            Observation::Event(event) if is_look_up => Observation::Found(event),
            other => other,
        };
        translation.into_observations().map(as_found).collect()
    };
    let observations = match (resource, change) {
        (_, Some(Change::Tick)) if entry.resource == "clock" => Some(vec![Observation::Tick]),
        (Some(_), Some(Change::Bookmark)) => Some(vec![Observation::Tick]),
        (Some(resource), Some(Change::Added | Change::Modified)) => {
            Some(object(resource, Presence::Present))
        }
        (Some(resource), Some(Change::Deleted)) => Some(object(resource, Presence::Gone)),
        (Some(resource), Some(Change::Relist)) => Some(vec![Observation::Relist(stream(resource))]),
        (Some(resource), Some(Change::Synced)) => Some(vec![Observation::Synced(stream(resource))]),
        _ => None,
    };
    Ok(Read { at, observations })
}

#[cfg(test)]
mod tests;
