# docker build -t sle-gan .                                        (CPU)
# docker build -t sle-gan:gpu --build-arg EXTRAS=gpu,film,heic .   (NVIDIA GPU; run with --gpus all)
# docker run --rm -v "$PWD:/work" sle-gan train --data-folder flowers --resolution 64 --hours 1
FROM python:3.12-slim
ARG EXTRAS=film,heic
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY sle_gan sle_gan
RUN pip install --no-cache-dir --constraint constraints.txt ".[${EXTRAS}]"
WORKDIR /work
ENTRYPOINT ["sle-gan"]
CMD ["--help"]
