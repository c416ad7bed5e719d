module stable-diffusion-webui-stand-in

go 1.26.0
