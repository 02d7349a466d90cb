//! The two text formats: heads of families, samples, escaping.

use std::fmt::{Display, Write};

/// The exposition format that was negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The value of `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Text as it grows.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) buffer: String,
    format: Format,
}

impl Text {
    pub(super) fn new(format: Format, capacity: usize) -> Self {
        Self {
            buffer: String::with_capacity(capacity),
            format,
        }
    }

    /// The two lines above a family's samples; OpenMetrics names a counter without `_total`.
    pub(super) fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let (family, kind) = match (kind, self.format) {
            (Kind::Counter, Format::OpenMetrics) => (name.trim_end_matches("_total"), "counter"),
            (Kind::Counter, Format::Text) => (name, "counter"),
            (Kind::Gauge, _) => (name, "gauge"),
            (Kind::Histogram, _) => (name, "histogram"),
        };
        self.push(&["# HELP ", family, " "]);
        escape(&mut self.buffer, help, self.format == Format::OpenMetrics);
        self.push(&["\n# TYPE ", family, " ", kind, "\n"]);
    }

    /// One sample.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.buffer.push_str(name);
        if !labels.is_empty() {
            self.buffer.push('{');
            push_labels(&mut self.buffer, labels);
            self.buffer.push('}');
        }
        self.value(value);
    }

    /// One sample whose first labels are escaped already.
    pub(super) fn sample_after(
        &mut self,
        name: &str,
        prefix: &str,
        labels: &[(&str, &str)],
        value: u64,
    ) {
        self.push(&[name, "{", prefix]);
        if !labels.is_empty() {
            self.buffer.push(',');
            push_labels(&mut self.buffer, labels);
        }
        self.buffer.push('}');
        self.value(value);
    }

    /// The last line of OpenMetrics.
    pub(super) fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.buffer.push_str("# EOF\n");
        }
    }

    fn value(&mut self, value: impl Display) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.buffer, " {value}");
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.buffer.push_str(part));
    }
}

/// Labels with their values escaped, separated by commas.
pub(super) fn push_labels(buffer: &mut String, labels: &[(&str, &str)]) {
    for (number, (name, value)) in labels.iter().enumerate() {
        if number > 0 {
            buffer.push(',');
        }
        buffer.push_str(name);
        buffer.push_str("=\"");
        escape(buffer, value, true);
        buffer.push('"');
    }
}

fn escape(buffer: &mut String, text: &str, quotes: bool) {
    if !text.contains(['\\', '\n', '"']) {
        buffer.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '\\' => buffer.push_str("\\\\"),
            '\n' => buffer.push_str("\\n"),
            '"' if quotes => buffer.push_str("\\\""),
            other => buffer.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(format: Format) -> String {
        let mut text = Text::new(format, 0);
        text.head("runs_total", Kind::Counter, "Runs \"seen\"\\\n");
        text.sample("runs_total", &[("path", "C:\\a\"b\nc"), ("é", "ü")], 3);
        text.end();
        text.buffer
    }

    #[test]
    fn values_and_help_are_escaped_as_each_format_wants() {
        assert_eq!(
            told(Format::Text),
            "# HELP runs_total Runs \"seen\"\\\\\\n\n# TYPE runs_total counter\n\
             runs_total{path=\"C:\\\\a\\\"b\\nc\",é=\"ü\"} 3\n"
        );
        assert_eq!(
            told(Format::OpenMetrics),
            "# HELP runs Runs \\\"seen\\\"\\\\\\n\n# TYPE runs counter\n\
             runs_total{path=\"C:\\\\a\\\"b\\nc\",é=\"ü\"} 3\n# EOF\n"
        );
    }
}
