# The image is one static program and nothing else.
# `--target prebuilt` takes the program from target/image/hookaudit, for machines that have built it already.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The C library is linked in, so that the image needs none; that needs the target to be named.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" && \
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --release --bin hookaudit --target "$target" && \
    mkdir /out && cp "target/$target/release/hookaudit" /out/hookaudit

FROM scratch AS empty
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="hookaudit" \
      org.opencontainers.image.description="Audits container lifecycle hooks: why pods do not start, do not stop, or stop badly" \
      org.opencontainers.image.source="https://hookaudit.io" \
      org.opencontainers.image.documentation="https://hookaudit.io/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
USER 65532:65532
ENTRYPOINT ["/hookaudit"]
CMD ["run"]

FROM empty AS prebuilt
COPY target/image/hookaudit /hookaudit

FROM empty
COPY --from=build /out/hookaudit /hookaudit
