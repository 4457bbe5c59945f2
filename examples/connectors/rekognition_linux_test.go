package connectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
)

// colour is what a picture of the tests is of.
type colour string

const (
	blue  colour = "blue"
	green colour = "green"
)

// picture makes one: a PNG of 64 × 64 points.
func picture(of colour) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 64, 64))
	shade := map[colour]color.RGBA{blue: {70, 130, 220, 255}, green: {60, 160, 50, 255}}[of]
	for i := range img.Pix {
		img.Pix[i] = []uint8{shade.R, shade.G, shade.B, shade.A}[i%4]
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// simulatedRekognition is no Rekognition. It reads a picture and says Sky when it is more blue than green, and else Grass: enough to see
// that the picture that was sent is the one that was looked at. No Rekognition can be had that runs on a host of one's own; who calls, the
// emulator in front of it has checked.
func simulatedRekognition(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	var asked struct{ Image struct{ Bytes []byte } }
	err := json.NewDecoder(r.Body).Decode(&asked)
	if err == nil {
		err = fmt.Errorf("the operation %s is not here", r.Header.Get("X-Amz-Target"))
		if r.Header.Get("X-Amz-Target") == "RekognitionService.DetectLabels" {
			var img image.Image
			if img, _, err = image.Decode(bytes.NewReader(asked.Image.Bytes)); err == nil {
				_, g, b, _ := img.At(img.Bounds().Dx()/2, img.Bounds().Dy()/2).RGBA()
				name := "Grass"
				if b > g {
					name = "Sky"
				}
				fmt.Fprintf(w, `{"Labels":[{"Name":%q,"Confidence":99.2}]}`, name)
				return
			}
		}
	}
	w.Header().Set("X-Amzn-Errortype", "InvalidImageFormatException")
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"message":%q}`, err.Error())
}
