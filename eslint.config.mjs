import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
    { ignores: ["**/node_modules/", ".cache/", ".rehearsal/", ".load/"] },
    tseslint.configs.strictTypeChecked,
    {
        languageOptions: { parserOptions: { projectService: true } },
        rules: {
            "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
            // 8.73.0 overflows its stack on recursive types.
            "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
        },
    },
    { files: ["**/*.mjs"], extends: [tseslint.configs.disableTypeChecked] },
);
