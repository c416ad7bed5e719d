package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
)

// drawPicture is the PNG file of one image of a job: a pattern of waves and a little noise, so that its
// size is that of a photograph. Every pixel follows from the prompt, the seed, the size and the other
// parameters that the WebUI's pixels depend on. The infotext is in it as metadata.
func drawPicture(job *job, seed int64) []byte {
	infotext := job.infotext(seed)
	source := rand.NewChaCha8(sha256.Sum256([]byte(infotext)))
	random := rand.New(source)
	waves := make([]wave, 4)
	for index := range waves {
		angle, frequency := random.Float64()*2*math.Pi, 0.5+2*random.Float64()
		waves[index] = wave{math.Cos(angle) * frequency, math.Sin(angle) * frequency, random.Float64() * 2 * math.Pi}
	}
	palette := newPalette(random)

	width, height := int(job.Width), int(job.Height)
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			var level float64
			for _, wave := range waves {
				turns := wave.x*float64(x)/float64(width) + wave.y*float64(y)/float64(height)
				level += math.Sin(2*math.Pi*turns + wave.phase)
			}
			colour := palette[int((level+4)/8*(paletteSize-1))]
			noise := source.Uint64()
			at := picture.PixOffset(x, y)
			for channel := range 3 {
				picture.Pix[at+channel] = colour[channel] + uint8(noise>>(8*channel)&3)
			}
			picture.Pix[at+3] = 255
		}
	}

	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&file, picture); err != nil {
		panic(fmt.Errorf("encode an image in memory: %w", err))
	}
	return insertText(file.Bytes(), "parameters", infotext)
}

type wave struct{ x, y, phase float64 }

const paletteSize = 1024

// newPalette is a smooth way through the colours; no channel is above 252, to leave room for noise.
func newPalette(random *rand.Rand) *[paletteSize][3]uint8 {
	var palette [paletteSize][3]uint8
	for channel := range 3 {
		turns, phase := 1+2*random.Float64(), random.Float64()*2*math.Pi
		for index := range palette {
			share := float64(index) / paletteSize
			palette[index][channel] = uint8(126 + 126*math.Cos(2*math.Pi*turns*share+phase))
		}
	}
	return &palette
}

// insertText adds a text to a PNG file, behind its header, in the chunk type that Pillow chooses: tEXt
// for what Latin-1 can express, else iTXt (PNG specification, 11.3.4).
func insertText(file []byte, keyword, text string) []byte {
	kind, data := "tEXt", append([]byte(keyword), 0)
	for _, character := range text {
		if character > 0xff {
			kind = "iTXt"
		}
	}
	if kind == "iTXt" {
		// Not compressed, no language, no translated keyword.
		data = append(append(data, 0, 0, 0, 0), text...)
	} else {
		for _, character := range text {
			data = append(data, byte(character))
		}
	}
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	chunk = append(append(chunk, kind...), data...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	const endOfHeader = 8 + 12 + 13
	return bytes.Join([][]byte{file[:endOfHeader], chunk, file[endOfHeader:]}, nil)
}
